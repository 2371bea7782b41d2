"""The `iin` command. Each command imports what it needs itself, so that `--help` is instant."""

from __future__ import annotations

from collections.abc import Callable

import typer

from flows import cli_data, cli_interpreters, cli_machine, cli_results, cli_run, cli_sketches, cli_study
from flows.console import guarded

app = typer.Typer(
    name="iin",
    help="Which concepts does each layer of a trained network carry, how cleanly, and what happens if "
    "just one is changed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: dict[str, Callable[..., object]] = {
    "init": cli_study.init,
    "check": cli_study.check,
    "layers": cli_study.layers,
    "preview": cli_sketches.preview,
    "plan": cli_study.plan,
    "run": cli_run.run,
    "status": cli_results.status,
    "results": cli_results.results,
    "report": cli_results.report,
    "diff": cli_results.diff,
    "ui": cli_results.ui,
    "export": cli_interpreters.export,
    "import": cli_interpreters.import_,
    "verify": cli_data.verify,
    "gc": cli_data.gc,
    "reconcile": cli_machine.reconcile,
    "doctor": cli_machine.doctor,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(guarded(_command))


def main() -> None:
    """Run the command line (the console script `iin`)."""
    app()


if __name__ == "__main__":
    main()
