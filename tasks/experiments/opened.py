"""The further units, layers and outputs that an experiment reads, opened when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.evaluate_job import Place, network_at
from tasks.evaluation.network import Network
from tasks.experiments.job import ExperimentJob
from tasks.layer_rows import LayerRows, load_layer_rows, read_table
from tasks.output import Output, Root
from tasks.planned import LayerPlan, Unit
from tasks.step import Step
from tasks.train_worker import open_interpreter

if TYPE_CHECKING:
    from iin_core.interpreter import Interpreter


@dataclass(frozen=True)
class Opened:
    """What `Experiment.reads` named, by these names.

    Args:
        job: of the experiment.
        root: where outputs lie.
    """

    job: ExperimentJob
    root: Root

    def layer(self, name: str) -> LayerPlan:
        """The layer of that name, or of the unit of that name."""
        found = self.job.planned.reads[name]
        if isinstance(found, Step):
            raise TypeError(f"{name!r} is a {found.kind}, not a layer or unit")
        return found.layer if isinstance(found, Unit) else found

    def rows(self, name: str) -> LayerRows:
        """The activations of that layer, of all splits, beside the row table."""
        return load_layer_rows(self.root, self.job.rows_key, self.layer(name).extract.key)

    def network(self, name: str) -> Network:
        """The model at that layer, with its data and all that reads its output."""
        layer = self.layer(name)
        table = read_table(self.root, self.job.rows_key)
        return network_at(place_of(self.job, layer.model), layer, self.root, table)

    def interpreter(self, name: str) -> Interpreter:
        """The IIN of the unit of that name."""
        found = self.job.planned.reads[name]
        if not isinstance(found, Unit):
            raise TypeError(f"{name!r} is no unit")
        return open_interpreter(self.root, found)

    def output(self, name: str) -> Output:
        """The sealed output: of a step itself, of a unit its IIN, of a layer its activations."""
        step = step_of(self.job.planned.reads[name])
        return self.root.open(step.kind, step.key)


def step_of(found: LayerPlan | Unit | Step) -> Step:
    """The step whose output is read."""
    if isinstance(found, Unit):
        return found.train
    return found.extract if isinstance(found, LayerPlan) else found


def place_of(job: ExperimentJob, model: str) -> Place:
    """One of the models of a job, ready to be opened."""
    return Place(job.folder, job.data, job.model(model), job.probed, job.batch)
