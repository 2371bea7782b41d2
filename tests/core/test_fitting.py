"""fit: from arrays to an interpreter, with bad input refused before anything is trained."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

from iin_core import FlowSpec, Pairs, TrainingSpec, fit
from iin_core.errors import DivergedError, InputError, InputWarning
from iin_core.spec import PairSpec

FAST = {"flow": FlowSpec(couplings=2, hidden=16), "training": TrainingSpec(updates=20, batch=32)}
RNG = np.random.default_rng(1)
LABEL = RNG.integers(0, 3, 300)
Z = RNG.normal(size=(300, 8))
Z[:, :2] += RNG.normal(size=(3, 2))[LABEL] * 3


def test_blocks_follow_the_concepts():
    """The blocks are the residual and the concepts in their order, and fill N."""
    interpreter = fit(Z, {"b": LABEL, "a": Z[:, 5]}, **FAST)
    assert list(interpreter.blocks) == ["residual", "b", "a"]
    assert interpreter.blocks.n_dims == 8
    assert interpreter.labels == {"b": [0, 1, 2]}


def test_given_dimensions_are_kept():
    """Dimensions given by hand are used, the residual takes the rest."""
    assert fit(Z, {"b": LABEL}, dims={"b": 3}, **FAST).blocks.dims == {"residual": 5, "b": 3}


def test_same_seed_same_interpreter():
    """The same call gives the same interpreter bit for bit, another seed another one."""
    one, again, other = (fit(Z, {"b": LABEL}, seed=seed, **FAST) for seed in (0, 0, 1))
    assert torch.equal(one.encode(Z), again.encode(Z))
    assert not torch.equal(one.encode(Z), other.encode(Z))


def test_validation_sources_are_held_back():
    """15 % of the sources are held back, and the interpreter says which."""
    interpreter = fit(Z, {"b": LABEL}, source=np.arange(300) // 3, **FAST)
    assert len(interpreter.meta["validation_sources"]) == 15


def test_unsupervised_and_pair_tables():
    """Without concepts there is the residual alone; tables of pairs make factors as labels do."""
    assert fit(Z, None, **FAST).blocks.dims == {"residual": 8}
    order = np.argsort(LABEL, kind="stable")
    same = np.stack((order[:-1], order[1:]))[:, np.diff(LABEL[order]) == 0]
    interpreter = fit(Z, pairs=[Pairs(*same, shares="b"), Pairs(*same, differs="c", rho=0.5)], **FAST)
    assert list(interpreter.blocks) == ["residual", "b", "c"]


def test_wide_rows_pass_through_a_front():
    """Rows wider than the front are encoded into as many coordinates as it keeps."""
    interpreter = fit(
        RNG.normal(size=(200, 30)),
        flow=FlowSpec(couplings=2, hidden=8, front_dims=10),
        training=FAST["training"],
    )
    assert interpreter.blocks.n_dims == 10
    assert interpreter.n_features == 30


@pytest.mark.parametrize(
    ("z", "concepts", "options", "message"),
    [
        (Z[:, :7], None, {}, "7 features; a flow needs an even number"),
        (np.where(np.arange(300)[:, None] == 5, np.nan, Z), None, {}, "1 rows of z are not finite"),
        (Z[0], None, {}, "should be .n, N. with several rows"),
        (Z, {"b": LABEL[:9]}, {}, "'b' has the shape"),
        (Z, {"b": np.zeros(300, int)}, {}, "'b' is constant: every row is 0"),
        (Z, {"b": np.arange(300)}, {}, "300 of 300 values differ"),
        (
            Z,
            {"b": np.array([*(["x", "y"] * 149), "z", "u"])},
            {},
            "only one source example shows: 2",
        ),
        (Z, {"b": np.full(300, np.nan)}, {}, "no value in any row"),
        (Z, {"b": np.full(300, None)}, {}, "no value in any row"),
        (Z, {"b": np.where(np.arange(300) == 7, np.inf, Z[:, 0])}, {}, "infinite in 1 rows"),
        (Z, {"residual": LABEL}, {}, "cannot be called 'residual'"),
        (Z, {"b": LABEL}, {"specs": {"c": "label"}}, "specs names 'c'"),
        (Z, {"b": LABEL}, {"specs": {"b": PairSpec(column="x")}}, "names a file or column"),
        (Z, {"b": LABEL}, {"specs": {"b": PairSpec(given=("c",))}}, "given 'c', which is no other concept"),
        (Z[:8], {"b": np.arange(8) % 2}, {}, "7 training rows are fewer than the 8 dimensions"),
        (Z, None, {"pairs": [Pairs([3] * 9, [4] * 9, shares="b")]}, "All 9 pairs are the same one"),
        (Z, None, {"pairs": [Pairs([3, 4], [3, 5], shares="b")]}, "join a row with itself"),
        (
            Z,
            None,
            {"pairs": [Pairs([0, 4], [1, 5], shares="b")], "source": np.arange(300) // 2},
            "of one source",
        ),
        (Z, None, {"pairs": [Pairs([0, 4], [1, 500], shares="b")]}, "1 pairs point outside the 300 rows"),
        (Z, {"b": LABEL}, {"dims": {"b": 8}}, "leave no residual in 8"),
        (Z, {"b": LABEL}, {"dims": {"c": 2}}, "the concepts are"),
        (Z, {"b": LABEL}, {"source": np.zeros(300)}, "1 sources cannot be split"),
        (Z, {str(i): RNG.integers(0, 2, 300) for i in range(9)}, {}, "do not fit into 8 dimensions"),
    ],
)
def test_bad_input_is_refused(z, concepts, options, message):
    """What cannot be fitted is refused with a sentence that says what is wrong."""
    with pytest.raises(InputError, match=message):
        fit(z, concepts, **FAST, **options)


def test_a_training_that_diverges_is_said():
    """With the update, the settings, and what to change."""
    spec = PairSpec().model_copy(update={"rho": 1 - 1e-9})
    with pytest.raises(DivergedError, match="diverged by update 10: 10 updates had no finite loss") as error:
        fit(Z, {"b": LABEL}, specs={"b": spec}, **FAST)
    assert "learning_rate 0.003, batch 32" in error.value.where
    assert error.value.fix


def test_missing_values_train_the_rest():
    """Rows without a label still count: half of them missing, the block holds the labels of all."""
    gaps = np.where(RNG.random(300) < 0.4, np.nan, LABEL)
    with pytest.warns(InputWarning, match="3 whole numbers and gaps: taken for a number"):
        fit(Z, {"b": gaps}, **FAST)
    interpreter = fit(Z, {"b": gaps, "c": np.where(LABEL == 1, np.nan, Z[:, 4])}, specs=WORDS, **FAST)
    assert interpreter.labels == {"b": [0, 1, 2]}
    words = np.where(np.isnan(gaps), None, np.array(["x", "y", "z"])[LABEL])
    assert fit(Z, {"b": words}, **FAST).labels == {"b": ["x", "y", "z"]}


def test_minus_one_is_a_label_as_any_other():
    """Classes −1 and 1 train what classes 0 and 1 train, and keep their names."""
    signs = fit(Z, {"b": np.where(LABEL > 0, 1, -1)}, **FAST)
    assert signs.labels == {"b": [-1, 1]}
    assert torch.equal(signs.encode(Z), fit(Z, {"b": (LABEL > 0).astype(int)}, **FAST).encode(Z))


WORDS = {"b": "label", "c": "numeric"}


def test_kinds_can_be_said():
    """`specs` says what the values do not tell, in a word or with a correlation and a balance."""
    assert fit(Z, {"b": LABEL}, specs={"b": "numeric"}, **FAST).labels == {}
    spec = PairSpec(rho=0.9, balance=1.0)
    assert fit(Z, {"b": LABEL.astype(float)}, specs={"b": spec}, **FAST).labels == {"b": [0, 1, 2]}


def test_dependent_concepts_are_said():
    """Concepts that depend on each other are used, and said with the number."""
    other = np.where(RNG.random(300) < 0.6, LABEL, RNG.integers(0, 3, 300))
    with pytest.warns(InputWarning, match="'b' and 'c' depend on each other .Cramér's V 0"):
        fit(Z, {"b": LABEL, "c": other}, **FAST)
    with pytest.warns(InputWarning, match="'b' and 'c' determine each other .Cramér's V 1.00"):
        fit(Z, {"b": LABEL, "c": LABEL + 1}, **FAST)


def test_few_rows_and_lonely_labels_are_said():
    """Few rows for the dimensions, and labels that the training rows show in one source, are said."""
    label = np.r_[np.arange(16) % 2, 2, 2]
    with pytest.warns(InputWarning, match="rows are few for 8 dimensions"):
        fit(Z[:18], {"b": label[:18] % 2}, **FAST)
    many = np.r_[np.arange(296) % 2, 2, 2, 3, 3]
    for seed in range(9):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fit(Z, {"b": many}, seed=seed, **FAST)
        if any("one training source only" in str(entry.message) for entry in caught):
            return
    pytest.fail("in nine splits no label was left with one source")


def test_pairs_that_contradict_the_labels_are_refused():
    """A table that says shared where labels differ, or differs where they agree, is refused."""
    order = np.argsort(LABEL, kind="stable")
    same, mixed = (order[:40], order[40:80]), (order[:40], order[::-1][:40])
    with pytest.raises(InputError, match="40 pairs share 'b', but their rows have two labels"):
        fit(Z, {"b": LABEL}, pairs=[Pairs(*mixed, shares=["b", "c"])], **FAST)
    with pytest.raises(InputError, match="40 pairs differ in 'b', but their rows have one label"):
        fit(Z, {"b": LABEL}, pairs=[Pairs(*same, differs="b")], **FAST)
    interpreter = fit(Z, {"b": LABEL}, pairs=[Pairs(*same, shares=["b", "c"])], **FAST)
    assert list(interpreter.blocks) == ["residual", "b", "c"]


def test_the_published_network_and_loss_are_a_word_away(monkeypatch):
    """`published` stands for the settings of the paper, in both places."""
    seen = {}

    def stop(jobs, flow, training):
        seen.update(sampler=jobs[0].sampler, flow=flow, training=training)
        raise InputError("seen")

    monkeypatch.setattr("iin_core.fitting.train", stop)
    with pytest.raises(InputError, match="seen"):
        fit(Z, {"b": LABEL}, flow="published", training="published")
    assert seen["flow"] == FlowSpec.published()
    assert seen["training"] == TrainingSpec.published()
    assert seen["sampler"].links == ()


def test_the_science_needs_no_cluster():
    """`from iin_core import fit` works where Ray, Prefect, MLflow and Zarr cannot be imported."""
    code = (
        "import sys\n"
        "for name in ('ray', 'prefect', 'mlflow', 'zarr', 'pyarrow', 'fsspec', 'yaml', 'typer', 'rich'):\n"
        "    sys.modules[name] = None\n"
        "from iin_core import fit, Interpreter, Pairs\n"
        "import numpy as np\n"
        "from iin_core.spec import TrainingSpec\n"
        "z = np.random.default_rng(0).normal(size=(100, 4))\n"
        "print(fit(z, {'a': np.arange(100) % 2}, training=TrainingSpec(updates=2)).blocks.n_dims)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "4"


def test_the_public_name_is_the_function():
    """`fit` is the function whatever was imported before it."""
    code = "import iin_core.fitting, iin_core; from iin_core import fit; print(callable(fit))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
