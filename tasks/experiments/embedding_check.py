"""What an embedding needs: UMAP where it is asked for, and two factors to be held against each other."""

from __future__ import annotations

from iin_core.projection import has_umap
from tasks.errors import StudyError
from tasks.experiments.spec import EmbeddingsSpec, WalksSpec
from tasks.planned import Plan, Unit


def problems(plan: Plan, spec: WalksSpec | EmbeddingsSpec) -> list[StudyError]:
    """UMAP is an extra: where it is asked for and absent, that is told before any compute."""
    if spec.embedding != "umap" or has_umap():
        return []
    return [
        StudyError(
            "`embedding: umap` needs the package umap-learn, which is not installed.",
            fix="pip install 'iin[umap]' here and on every worker, or take `embedding: pca`",
        )
    ]


def applies(plan: Plan, unit: Unit, spec: EmbeddingsSpec) -> str:
    """Why a unit has nothing to be drawn."""
    return "" if unit.factors else "its concept set is empty: there is no factor beside the residual"
