"""fit: from arrays to an interpreter, with bad input refused before anything is trained."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from iin_core import FlowSpec, Pairs, TrainingSpec, fit
from iin_core.errors import InputError

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
        (Z, {"b": np.zeros(300, int)}, {}, "'b' is the same in every row"),
        (Z, {"b": np.arange(300)}, {}, "No two sources have the same label"),
        (Z, {"b": np.full(300, np.nan)}, {}, "not finite in row 0"),
        (Z, {"b": LABEL}, {"dims": {"b": 8}}, "leave no residual in 8"),
        (Z, {"b": LABEL}, {"dims": {"c": 2}}, "the concepts are"),
        (Z, {"b": LABEL}, {"source": np.zeros(300)}, "1 sources cannot be split"),
        (Z, {str(i): LABEL for i in range(9)}, {}, "do not fit into 8 dimensions"),
    ],
)
def test_bad_input_is_refused(z, concepts, options, message):
    """What cannot be fitted is refused with a sentence that says what is wrong."""
    with pytest.raises(InputError, match=message):
        fit(z, concepts, **FAST, **options)


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
