"""What the report tells of: everything sealed of a study's rows and units, read once."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from iin_core.errors import IinError
from iin_core.metrics.quintiles import N_BINS
from tasks.evaluation.keys import COMPANIONS
from tasks.evaluation.more import TABLES
from tasks.evaluation.tables import COLUMNS
from tasks.gates import Verdict, check_gates
from tasks.report.experiment_facts import ExperimentFacts, read_experiments
from tasks.results import read_reasons, read_scores
from tasks.seeds import SeedGroup, seed_groups

if TYPE_CHECKING:
    from tasks.output import Output, Root
    from tasks.planned import LayerPlan, Plan, Unit

IIN, LAYER, ALL, RESIDUAL = "iin", "layer", "all", "residual"
"""Methods and blocks of the tables (docs/formats.md)."""
BINNED = " (quintile)"
"""What the tables add to the name of a number."""
_NAMES = (
    *("method", "probe", "block", "concept", "reader", "factor"),
    *("measure", "other", "metric", "notes", "condition"),
)
ALL_COLUMNS = {**COLUMNS, **TABLES}
_CURVES = ("update", "loss", "nll_train", "nll_validation")
_READABLE = ["model", "layer", "index", "concept", "accuracy", "chance", "low", "high", "control", "probe"]


@dataclass(frozen=True)
class UnitFacts:
    """One unit.

    Args:
        unit: of the plan.
        trained, evaluated: its sealed outputs; None where there is none.
        scores, why: flat scores, and the reason for each that is None.
        tables: name → table of the evaluation; empty where not evaluated.
        curves: of the training; empty where not trained.
        dims: dimensions of each block.
        dimensions: what the step dimensions found: estimator, scores, front; empty where it is not sealed.
    """

    unit: Unit
    trained: Output | None
    evaluated: Output | None
    scores: Mapping[str, float | None]
    why: Mapping[str, str]
    tables: Mapping[str, pd.DataFrame]
    curves: pd.DataFrame
    dims: Mapping[str, int]
    dimensions: Mapping[str, Any]

    @property
    def status(self) -> str:
        """ "evaluated", "trained" or "missing"."""
        if self.evaluated is not None:
            return "evaluated"
        return "missing" if self.trained is None else "trained"

    @property
    def probe(self) -> str:
        """The family of probes behind the headline numbers: the MLP where it was asked for."""
        return "mlp" if "mlp" in set(self.tables["leakage"]["probe"]) else "linear"

    def companions(self, key: str) -> dict[str, float | None]:
        """What stands beside a score: low, high, chance, control, as far as they are there."""
        named = {suffix: self.scores.get(f"{key}_{suffix}") for suffix in COMPANIONS}
        if key == "score/leak_worst":
            named["chance"] = self.scores.get("score/leak_chance")
        return named

    def leakage(self, method: str = IIN) -> pd.DataFrame:
        """Rows of the shown probe and a method, a row for each block and concept."""
        table = self.tables["leakage"]
        return table[(table["method"] == method) & (table["probe"] == self.probe)]

    def worst_leak(self) -> dict[str, Any] | None:
        """The row of a set's concept in a block of another that is furthest above its chance."""
        table = self.leakage()
        concept = table["concept"].str.removesuffix(BINNED)
        off = table[concept.isin(self.unit.factors) & (concept != table["block"]) & (table["block"] != ALL)]
        return max(records(off), key=lambda row: row["accuracy"] - row["chance"], default=None)

    def swaps(self, method: str = IIN) -> pd.DataFrame:
        """Interchange by the independent reader, else by the head: a row a factor, and their mean."""
        table = self.tables["interchange"]
        table = table[table["method"] == method]
        reader = "reader" if "reader" in set(table["reader"]) else "head"
        return table[table["reader"] == reader]


@dataclass(frozen=True)
class StudyFacts:
    """A whole study.

    Args:
        plan: its plan.
        rows: meta of the sealed row table; empty where there is none.
        columns: column → what is known of it.
        dependence: pairs of label columns with their normalised mutual information.
        units: in the order of the plan.
        seeds: groups of units that differ in their seed alone.
        readable: how well a probe reads each concept from each whole layer.
        verdicts: of the gates.
        failures: what ended without a seal.
        versions: package → versions with which the outputs were made.
        experiments: what was asked for beside the evaluations, in the order of the report.
    """

    plan: Plan
    rows: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Any]]
    dependence: Sequence[tuple[str, str, float]]
    units: tuple[UnitFacts, ...]
    seeds: Sequence[SeedGroup]
    readable: pd.DataFrame
    verdicts: Sequence[Verdict]
    failures: Sequence[IinError]
    versions: Mapping[str, Sequence[str]]
    experiments: tuple[ExperimentFacts, ...] = ()

    def of_layer(self, layer: LayerPlan) -> list[UnitFacts]:
        """The units of a layer."""
        return [facts for facts in self.units if facts.unit.layer.index == layer.index]

    def chance(self, concept: str) -> float | None:
        """The share of the most frequent label, among held-out rows where something was measured of them."""
        measured = self.readable[self.readable["concept"].isin([concept, f"{concept}{BINNED}"])]
        if len(measured):
            return float(measured["chance"].iloc[0])
        pairs = self.plan.probed[concept]
        if pairs.kind == "numeric":
            return 1 / N_BINS
        return self.columns.get(pairs.column or concept, {}).get("chance")

    @property
    def headline(self) -> list[UnitFacts]:
        """The evaluated headline units; all evaluated ones where the study names none."""
        done = [facts for facts in self.units if facts.evaluated is not None]
        if any(facts.unit.headline for facts in self.units):
            return [facts for facts in done if facts.unit.headline]
        return done


def read_facts(plan: Plan, root: Root, failures: Sequence[IinError] = ()) -> StudyFacts:
    """Read what there is.

    Raises:
        DamagedOutput: something sealed is no longer whole.
    """
    units = tuple(_unit(unit, root) for unit in plan.units)
    rows = root.find(plan.rows)
    evaluated = {facts.unit.evaluate.key: facts.evaluated for facts in units if facts.evaluated is not None}
    described = _json(rows, "concepts.json") if rows is not None else {}
    dependence = [
        (first, second, value)
        for first, others in described.get("dependence", {}).items()
        for second, value in others.items()
    ]
    return StudyFacts(
        plan=plan,
        rows={} if rows is None else rows.meta,
        columns=described.get("columns", {}),
        dependence=dependence,
        units=units,
        seeds=seed_groups(plan, root, evaluated),
        readable=_readable(units),
        verdicts=check_gates(plan, root),
        failures=failures,
        versions=_versions(
            [rows, *(facts.trained for facts in units), *(facts.evaluated for facts in units)]
        ),
        experiments=read_experiments(plan, root),
    )


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table, each by its columns' names."""
    return cast("list[dict[str, Any]]", table.to_dict("records"))


def _unit(unit: Unit, root: Root) -> UnitFacts:
    trained, evaluated, dimensions = map(root.find, (unit.train, unit.evaluate, unit.dimensions))
    return UnitFacts(
        unit=unit,
        trained=trained,
        evaluated=evaluated,
        scores={} if evaluated is None else read_scores(evaluated),
        why={} if evaluated is None else read_reasons(evaluated),
        tables={name: read_csv(evaluated, f"{name}.csv", columns) for name, columns in ALL_COLUMNS.items()},
        curves=read_csv(trained, "curves.csv", _CURVES),
        dims={} if trained is None else trained.meta.get("dims", {}),
        dimensions={} if dimensions is None else _json(dimensions, "dimensions.json"),
    )


def read_csv(output: Output | None, file: str, wanted: Sequence[str]) -> pd.DataFrame:
    """A table of an output, with at least these columns; names stay text, whatever they look like."""
    if output is None or file not in output.files:
        return pd.DataFrame(columns=list(wanted))
    data = output.read(file)
    head = data.split(b"\n", 1)[0].decode().strip().split(",")
    numbers = [column for column in head if column not in _NAMES]
    table = pd.read_csv(
        io.BytesIO(data),
        dtype={column: str for column in head if column in _NAMES},
        keep_default_na=False,
        na_values={column: ["", "nan", "NaN"] for column in numbers},
    )
    return table.reindex(columns=[*head, *(column for column in wanted if column not in head)])


def _readable(units: Sequence[UnitFacts]) -> pd.DataFrame:
    """The first evaluated unit of each layer tells: the whole layer is the same for all of them."""
    tables, seen = [], set()
    for facts in units:
        layer = facts.unit.layer
        table = facts.leakage(LAYER)
        table = table[table["block"] == ALL]
        if table.empty:
            table = facts.leakage()
            table = table[table["block"] == ALL]
        if len(table) and layer.index not in seen:
            seen.add(layer.index)
            tables.append(table.assign(model=layer.model, layer=layer.layer, index=layer.index)[_READABLE])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=_READABLE)


def _versions(outputs: Sequence[Output | None]) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for output in outputs:
        for package, version in (output.manifest["versions"] if output is not None else {}).items():
            found.setdefault(package, set()).add(version)
    return {package: sorted(versions) for package, versions in sorted(found.items())}


def _json(output: Output, file: str) -> dict[str, Any]:
    if file not in output.files:
        return {}
    found: dict[str, Any] = json.loads(output.read(file))
    return found
