"""Settings: which source wins, and what libraries find in the environment."""

from __future__ import annotations

import pytest

from flows.settings import STEPS, local_path, prepare_environment, resolve, wanted_steps
from tasks.errors import StudyError

FLAGS = {"root": "IIN_ROOT", "address": "IIN_RAY_ADDRESS", "tracking": "IIN_TRACKING_URI"}


@pytest.mark.parametrize(("name", "variable"), FLAGS.items())
def test_a_flag_beats_the_environment(name: str, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting comes from its flag, else from its variable."""
    monkeypatch.setenv(variable, "from environment")
    assert getattr(resolve(**{name: "from flag"}), name) == "from flag"
    assert getattr(resolve(), name) == "from environment"


def test_without_any_setting_all_is_local() -> None:
    """Results lie in ./iin-data; Ray and MLflow are our own."""
    settings = resolve()
    assert (settings.root, settings.address, settings.tracking) == ("iin-data", None, None)


def test_an_empty_variable_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """`IIN_ROOT= iin run` does not write into the working directory's parent of all."""
    monkeypatch.setenv("IIN_ROOT", "")
    assert resolve().root == "iin-data"


def test_only_takes_commas_and_repetition() -> None:
    """`--only rows,extract --only train` names three steps."""
    assert resolve(only=("rows, extract", "train")).only == ("rows", "extract", "train")


def test_only_refuses_an_unknown_step() -> None:
    """The error lists the steps that there are."""
    with pytest.raises(StudyError, match="no step 'traim'") as error:
        resolve(only=("traim",))
    assert "train" in error.value.fix


@pytest.mark.parametrize("step", STEPS)
def test_a_step_brings_the_steps_before_it(step: str) -> None:
    """Data goes one way, so the steps up to the named one are all that it can need."""
    assert wanted_steps((step,)) == STEPS[: STEPS.index(step) + 1]


def test_no_named_step_means_all() -> None:
    """Without --only the whole study is run."""
    assert wanted_steps(()) == STEPS


def test_telemetry_is_off_and_a_persons_own_choice_stays() -> None:
    """Defaults are set where nothing is set."""
    environment = {"MLFLOW_DISABLE_TELEMETRY": "false"}
    prepare_environment("/data/root", environment)
    assert environment["MLFLOW_DISABLE_TELEMETRY"] == "false"
    assert environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert environment["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
    assert environment["DO_NOT_TRACK"] == "1"


def test_prefect_lives_under_a_local_root() -> None:
    """HOME is not needed, and another PREFECT_HOME is respected."""
    environment: dict[str, str] = {}
    prepare_environment("/data/root", environment)
    assert environment["PREFECT_HOME"] == "/data/root/prefect"
    environment = {"PREFECT_HOME": "/elsewhere"}
    prepare_environment("/data/root", environment)
    assert environment["PREFECT_HOME"] == "/elsewhere"


def test_prefect_lives_on_this_machine_when_the_root_does_not() -> None:
    """An SQLite database cannot lie in a bucket."""
    environment: dict[str, str] = {}
    prepare_environment("s3://bucket/root", environment)
    assert "s3" not in environment["PREFECT_HOME"]
    assert local_path("s3://bucket/root") is None


def test_an_unwritable_home_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib gets a folder under the root."""
    monkeypatch.setenv("HOME", "/proc/nowhere")
    environment: dict[str, str] = {}
    prepare_environment("/data/root", environment)
    assert environment["MPLCONFIGDIR"] == "/data/root/matplotlib"
