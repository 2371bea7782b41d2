"""The steps of a study, in order: each names its outputs and calls the one function that makes them."""

from __future__ import annotations

from flows.session import Session
from flows.stepping import step
from tasks.plan import Plan
from tasks.step import Step


def _prepared(plan: Plan) -> list[Step]:
    wanted = [made for model in plan.models for made in (model.prepare, model.reader_prepare)]
    return [made for made in wanted if made is not None]


def _dimensions(plan: Plan) -> list[Step]:
    return list({unit.dimensions.key: unit.dimensions for unit in plan.units}.values())


@step(lambda plan: [plan.rows])
def rows(session: Session) -> None:
    """The table of examples: source, split, concepts."""
    from tasks.rows import make_rows

    make_rows(session.plan, session.root)


@step(_prepared, retries=2, tags=("ray",))
def prepare(session: Session) -> None:
    """The models that the study fits itself."""
    if _missing(session, _prepared(session.plan)):
        from tasks.prepare import prepare as fit_models

        fit_models(session.plan, session.root, session.cluster)


def _layers(plan: Plan) -> list[Step]:
    return [layer.extract for model in plan.models for layer in model.layers]


@step(_layers, retries=2, tags=("ray",))
def extract(session: Session) -> None:
    """The activations of all wanted layers, in one pass through each model."""
    if _missing(session, _layers(session.plan)):
        from tasks.extract import extract as extract_layers

        extract_layers(session.plan, session.root, session.cluster)


@step(_dimensions, retries=2, tags=("ray",))
def dimensions(session: Session) -> None:
    """How many dimensions each concept gets in each layer."""
    if _missing(session, _dimensions(session.plan)):
        from tasks.dimensions import estimate

        estimate(session.plan, session.root, session.cluster)


@step(lambda plan: [unit.train for unit in plan.units], retries=2, tags=("ray",))
def train(session: Session) -> None:
    """One IIN for each layer, concept set and seed."""
    if _missing(session, [unit.train for unit in session.plan.units]):
        from tasks.train import train as train_units

        train_units(session.plan, session.root, session.cluster)


@step(lambda plan: [unit.evaluate for unit in plan.units], retries=2, tags=("ray",))
def evaluate(session: Session) -> None:
    """What each IIN is worth, beside linear baselines; MLflow gets each as it is sealed."""
    if _missing(session, [unit.evaluate for unit in session.plan.units]):
        from tasks.evaluate import evaluate as evaluate_units

        evaluate_units(session.plan, session.root, session.cluster, on_sealed=session.tracker.unit)


def _experiments(plan: Plan) -> list[Step]:
    return [planned.step for planned in plan.experiments]


@step(_experiments, retries=2, tags=("ray",))
def experiments(session: Session) -> None:
    """What the study asks for beside its evaluations."""
    if _missing(session, _experiments(session.plan)):
        from tasks.experiment import experiment

        experiment(session.plan, session.root, session.cluster)
        session.tracker.experiments()


@step(lambda plan: [plan.report])
def report(session: Session) -> None:
    """One HTML page."""
    from tasks.report.write import write_report

    session.outcome.report = str(write_report(session.plan, session.root, session.outcome.failures))


@step(None, tags=("mlflow",))
def track(session: Session) -> None:
    """What MLflow does not show yet."""
    session.tracker.catch_up()
    if session.tracker.problem is not None and "track" in session.settings.only:
        raise session.tracker.problem


def _missing(session: Session, wanted: list[Step]) -> bool:
    return any(session.root.find(output) is None for output in wanted)
