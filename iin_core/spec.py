"""The small specs of the science: what a flow, a reading, a training, an evaluation is made of."""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

PenaltyName = Literal["adversary", "critic", "hsic"]
ProbeName = Literal["linear", "mlp", "knn", "qda", "forest", "rbf"]
BaselineName = Literal["class_means", "lda", "leace", "das"]

_MOST_DIMS = 256
_PATIENCE = 10


class Spec(BaseModel):
    """Strict and frozen: no unknown field, no silent conversion, NaN and infinity refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class FlowSpec(Spec):
    """The network T: couplings that mix all blocks, then couplings that move the residual alone.

    The defaults were chosen on validation sources, see docs/quality.md; the paper's network
    (section 4) is `published()`.
    """

    couplings: Annotated[int, Field(ge=1, le=64)] = 3
    residual_couplings: Annotated[int, Field(ge=0, le=64)] = 4
    """Couplings behind these that move the residual alone, given the concepts' blocks. Without concepts
    they mix all dimensions, as those before them."""
    mixing: Literal["permutation", "rotation"] = "rotation"
    """What stands between couplings: a fixed permutation, or a fixed turn of each one's basis."""
    actnorm: bool = False
    """An activation normalisation in front of every coupling."""
    hidden: Annotated[int, Field(ge=1, le=8192)] = 256
    depth: Annotated[int, Field(ge=0, le=8)] = 1
    """Hidden layers between the first and the last of each scale and translation network; the
    published network has 2."""
    nets: Literal["separate", "joint"] = "joint"
    """Log-scale and shift from networks of their own, as published, or from one together."""
    front: Literal["whiten", "none"] = "whiten"
    """A fixed linear map in front of the flow, fitted on the training rows."""
    front_dims: Annotated[int, Field(ge=2, le=4096)] | None = None
    """Layers wider than this keep so many principal coordinates; the rest is left untouched. When left
    out 256, of which a wider layer of few rows keeps as many as they support: `iin_core.front.support`."""

    @property
    def most_dims(self) -> int:
        """The most dimensions that a front keeps."""
        return self.front_dims or _MOST_DIMS

    @classmethod
    def published(cls) -> FlowSpec:
        """The network of the paper's reference implementation (section 4)."""
        return cls(
            couplings=12,
            residual_couplings=0,
            mixing="permutation",
            actnorm=True,
            hidden=512,
            depth=2,
            nets="separate",
            front="none",
        )


class ReadingSpec(Spec):
    """How an activation becomes rows; exactly one of flatten, pool, token, position is set."""

    flatten: Literal[True] | None = None
    pool: Literal["mean", "max"] | None = None
    token: Literal["cls", "last", "mean", "each", "at"] | None = None
    """One row of a sequence (n, tokens, D), or with `each` a row for each token. `token: {at: column}` is
    short for `token: at, at: column`."""
    position: Literal["each"] | None = None
    """A row for each position of a feature map (n, C, H, W) or (n, C, L)."""
    at: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] | None = None
    """Of `token: at`: the column or input that holds the token's index; or two, the first token of a span
    and the one behind its last. They count from 0, special tokens too, without padding."""
    mask: Annotated[str, Field(min_length=1)] | None = None
    """Of `token`: the input (n, tokens) that is 0 at padding. Left out, `attention_mask` if there is one;
    `none`: no token is padding."""
    sample: Annotated[int, Field(ge=1)] | None = None
    """Of `each`: at most so many rows an example, drawn with `seed`."""
    seed: Annotated[int, Field(ge=0)] | None = None
    call: Annotated[int, Field(ge=0)] | Literal["all"] | None = None
    """Of a module that forward calls more than once: which call, from 0, or `all`, each a row."""
    condition: Annotated[str, Field(min_length=1)] | None = None
    """An input (n,) that becomes a column of the rows, such as a time step."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, written: Any) -> Any:
        if not isinstance(written, dict):
            return written
        token, made = written.get("token"), dict(written)
        if isinstance(token, dict) and set(token) == {"at"}:
            made |= {"token": "at", "at": token["at"]}
        if isinstance(made.get("at"), str):
            made["at"] = (made["at"],)
        elif isinstance(made.get("at"), list):
            made["at"] = tuple(made["at"])
        return made

    @model_validator(mode="after")
    def _exactly_one(self) -> ReadingSpec:
        kinds = (self.flatten, self.pool, self.token, self.position)
        if sum(value is not None for value in kinds) != 1:
            raise ValueError("a reading is exactly one of flatten, pool, token, position")
        if (self.token == "at") != (self.at is not None):  # noqa: S105
            raise ValueError("`at` names the column of a token: {token: {at: column}}")
        if self.mask is not None and self.token is None:
            raise ValueError("`mask` tells padding of tokens; only `token` has it")
        if not self.is_each and (self.sample is not None or self.seed is not None):
            raise ValueError("`sample` and `seed` choose among the rows of `token: each` or `position: each`")
        return self

    @property
    def is_each(self) -> bool:
        """Whether an activation gives a row for each of its tokens or positions."""
        return "each" in (self.token, self.position)

    @property
    def is_several(self) -> bool:
        """Whether an example can give more than one row."""
        return self.is_each or self.call == "all"

    @property
    def name(self) -> str:
        """A short name for tables: `flatten`, `pool: mean`, `token: cls`, `token: at verb, call 1`."""
        if self.pool or self.position:
            name = f"pool: {self.pool}" if self.pool else f"position: {self.position}"
        else:
            name = "flatten" if self.flatten else f"token: {self.token}"
        name += f" {':'.join(self.at)}" if self.at else ""
        called = "" if self.call is None else ", every call" if self.call == "all" else f", call {self.call}"
        return f"{name}{called}"


def single(value: float) -> float:
    """The number as single precision has it."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def correlates(rho: float) -> bool:
    """Whether rho lies strictly between 0 and 1 in single precision too, so that 1 − ρ² is not 0."""
    return 0 < single(rho) < 1


class PairSpec(Spec):
    """How pairs that share a concept are drawn: by a label, by a number, or from a table of pairs."""

    kind: Literal["label", "numeric", "pairs"] = "label"
    column: str | None = None
    """The column of the row table; the concept's own name when left out. Of a file of pairs: the
    column whose values its a and b are; row numbers when left out."""
    rho: Annotated[float, Field(gt=0, lt=1)] = 0.975
    """σ_ab, the positive correlation of the shared block over the two examples of a pair; of a number
    the greatest, between equal values."""
    balance: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of a label: 0 draws its rows alike, 1 its classes, 0.5 its classes by the square roots of their
    sizes. When left out 0.5; 0 where a training has `links: pair`."""
    given: tuple[str, ...] | None = None
    """The concepts from which this one is drawn apart; when left out those that it depends on, and
    none where a training has `links: pair`."""
    file: str | None = None
    """Of a table of pairs: a CSV or Parquet file. Left out, the data tells its pairs itself: rows with
    one value of the column `pair` that differ in the concept's column differ in nothing else."""

    @field_validator("rho")
    @classmethod
    def _in_single_precision(cls, rho: float) -> float:
        if not correlates(rho):
            raise ValueError(
                f"a rho of {rho!r} is {single(rho):g} in single precision, in which IINs are trained, "
                "and no correlation; 0.9999 is close enough to equal"
            )
        return rho

    @model_validator(mode="after")
    def _suits_the_kind(self) -> PairSpec:
        if self.kind != "pairs" and self.file is not None:
            raise ValueError("a table of pairs, and nothing else, is {kind: pairs, file: name.csv}")
        if self.kind == "pairs" and (self.balance is not None or self.given is not None):
            raise ValueError("a table of pairs has neither balance nor given")
        if self.kind == "numeric" and self.balance is not None:
            raise ValueError("balance is for labels; a number has no classes")
        return self


class TrainingSpec(Spec):
    """The optimisation of one IIN."""

    updates: Annotated[int, Field(ge=1)] = 1500
    batch: Annotated[int, Field(ge=2, le=65536)] = 256
    """Rows in an update."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 3e-3
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.95)
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.5
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.05
    """The share of updates over which the learning rate rises; then it falls as a cosine to 0."""
    noise: Annotated[float, Field(ge=0, le=10)] = 0.15
    """Standard deviation of the noise added to z, in units of each component's own."""
    noise_share: Annotated[float, Field(ge=0, le=1)] = 0.75
    """The share of a batch's pairs to which the noise is added, to both rows of each."""
    low_noise: Annotated[float, Field(ge=0, le=1)] = 0.1
    """The noise of the other rows, as a share of `noise`. Penalties read them alone."""
    clip: Annotated[float, Field(gt=0)] | None = None
    """The largest norm of one IIN's gradient."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate falls to 0 behind the warm-up."""
    hold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of updates that end before the learning rate starts to fall."""
    average: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Decay of the exponential moving average of the weights that is kept in their place."""
    patience: Annotated[int, Field(ge=1)] | Literal["auto"] | None = "auto"
    """Points of the curve without a better held-out likelihood after which an IIN stops, and its best
    weights come out. `auto`: 10 without concepts, where likelihood is all that is learned, else none."""
    penalties: dict[PenaltyName, Annotated[float, Field(gt=0)]] = {"adversary": 20.0}
    """Terms added to the likelihood of pairs, each with its weight; see `iin_core.penalties`."""
    fall_back: bool = True
    """A linear flow takes the trained one's place where it predicts held-out pairs better: rows were few."""
    calibrate: bool = True
    """After the last update: affine maps behind the flow even out the blocks' moments over concepts."""
    links: Literal["batch", "pair"] = "batch"
    """`batch`: rows of a batch that agree in a further concept are linked too; `pair`: each pair
    shares what it was drawn for alone, as in the paper."""
    feed: Literal["auto", "resident", "stream"] = "auto"
    """Rows held on the device, or read in shards."""

    def patience_of(self, concepts: Collection[str]) -> int | None:
        """The patience of an IIN with these concepts."""
        if self.patience == "auto":
            return None if concepts else _PATIENCE
        return self.patience

    @classmethod
    def published(cls) -> TrainingSpec:
        """The optimisation of the paper's reference implementation: pairs and likelihood alone."""
        return cls(
            updates=120_000,
            batch=50,
            learning_rate=4.5e-6 * 25,
            betas=(0.5, 0.9),
            weight_decay=0.0,
            warmup=0.0,
            schedule="linear",
            patience=None,
            hold=100_001 / 120_000,
            noise=0.0,
            noise_share=1.0,
            low_noise=0.0,
            penalties={},
            links="pair",
            fall_back=False,
            calibrate=False,
        )


_PAIRS = {"default": 1000, "baselines": 4000, "full": 4000}


class EvaluationSpec(Spec):
    """What is measured of one IIN."""

    level: Literal["default", "baselines", "full"] | None = None
    """How much: see docs/metrics.md. None is `baselines` for units of the full budget, else `default`."""
    pairs: Annotated[int, Field(ge=10, le=1_000_000)] | None = None
    """Of each interchange. None is 4,000, and 1,000 on `default`."""
    probes: tuple[ProbeName, ...] = ("linear", "mlp")
    """Families of the leakage matrix."""
    folds: Annotated[int, Field(ge=2, le=20)] = 2
    """Parts of the held-out sources: a probe is fitted on all but the one that it reads."""
    families: tuple[ProbeName, ...] = ("knn", "qda", "forest", "rbf")
    """More families on `full`, where the worst of all counts."""
    baselines: tuple[BaselineName, ...] = ("class_means", "lda", "leace", "das")
    """Which, on `baselines` and `full`."""
    permutations: Annotated[int, Field(ge=20, le=100_000)] = 200
    """Permutations of sources behind each p-value, on `full`."""
    bootstrap: Annotated[int, Field(ge=0, le=100_000)] = 200
    """Resamplings of sources behind each interval."""
    seed: int = 0

    @property
    def n_pairs(self) -> int:
        """`pairs`, or as many as the level has."""
        return self.pairs or _PAIRS[self.level or "baselines"]

    def settled(self, budget: str) -> EvaluationSpec:
        """With a level where this is left to the budget, "full" or "short"."""
        level = self.level or ("baselines" if budget == "full" else "default")
        return self.model_copy(update={"level": level})
