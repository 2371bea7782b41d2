"""Bad input as a person meets it: what `iin check` and `iin run` say before any step is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flows.conftest import Command

RETURN = "    return torch.tensor(inputs"
PAIRS = ("none: {}", "near: {near: {kind: pairs, file: near.csv}}")
COLUMN = ('examples"}', 'examples"}\n  split: {column: part}')
CONSTANT_IN_TRAINING = (
    'table["part"] = np.repeat(["train", "validation", "heldout"], [400, 80, 120])',
    'table.loc[table["part"] == "train", "shape"] = "disc"',
)
ALL_OF_IT = "dimensions: {shape: 9, size: 7}"
REFUSED = {
    "inputs that are not finite": (
        ("inputs[5, 3] = np.nan",),
        (),
        "inputs that are not finite",
    ),
    "fewer rows than dimensions": (
        ("table = table[:40]", "inputs = inputs[:40]"),
        (),
        "24 training rows are fewer than the 32 dimensions of layer '0'",
    ),
    "a class seen once": (
        ('table.loc[table["source"] == 7, "shape"] = "moon"',),
        (),
        "'shape' has label values that only one source example shows: 1",
    ),
    "a constant concept": (
        ('table["shape"] = "disc"',),
        (),
        "'shape' is constant: every row is 'disc'",
    ),
    "a concept constant in the training rows": (
        CONSTANT_IN_TRAINING,
        (COLUMN,),
        "In the training rows: The concept 'shape' is constant",
    ),
    "a number as a label": (
        ('table["size"] = np.arange(600) / 7',),
        (("size: numeric", "size: label"),),
        "600 of 600 values differ",
    ),
    "thousands of whole numbers as a label": (
        (
            "table = pd.concat([table] * 8, ignore_index=True).assign(source=np.arange(4800) // 2)",
            "inputs = np.concatenate([inputs] * 8)",
            'table["size"] = np.arange(4800) % 1200',
        ),
        (("size: numeric", "size: label"),),
        "'size' has 1200 label values",
    ),
    "pairs that are all the same": (
        ("",),
        (PAIRS, "a,b\n2,4\n2,4\n4,2\n"),
        "All 3 pairs are the same one: rows 2 and 4",
    ),
    "a pair of a row with itself": (
        ("",),
        (PAIRS, "a,b\n3,3\n4,6\n"),
        "1 pairs join a row with itself",
    ),
    "dimensions that leave no residual": (
        ("",),
        (("seeds: [0]", f"seeds: [0]\noverrides: [{{layer: '2', concepts: shape+size, {ALL_OF_IT}}}]"),),
        "leave no residual in the 16",
    ),
}


def _write(study: Path, code: tuple[str, ...], changes: tuple[object, ...]) -> None:
    source = study.with_name("small_source.py")
    added = "".join(f"    {line}\n" for line in code if line)
    source.write_text(source.read_text().replace(RETURN, added + RETURN))
    text = study.read_text()
    for change in changes:
        if isinstance(change, str):
            study.with_name("near.csv").write_text(change)
            continue
        assert change[0] in text
        text = text.replace(*change)
    study.write_text(text)


@pytest.mark.parametrize(("code", "changes", "said"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(
    code: tuple[str, ...], changes: tuple[object, ...], said: str, iin: Command, study: Path
) -> None:
    """With what, where and what to do, before a root is made."""
    _write(study, code, changes)
    shown = " ".join(iin.fails(2, "check", str(study)).split())
    assert said in shown
    assert "to do:" in shown
    assert not Path("iin-data").exists()


@pytest.mark.slow
def test_a_run_refuses_it_with_the_same_words(iin: Command, study: Path) -> None:
    """No step is begun."""
    code, changes, said = REFUSED["a class seen once"]
    _write(study, code, changes)
    assert said in " ".join(iin.fails(2, "run", str(study)).split())
    assert not list(Path("iin-data").glob("rows/*"))


def test_concepts_that_determine_each_other_are_said(iin: Command, study: Path) -> None:
    """With Cramér's V; the study goes on, for no method can tell them apart."""
    _write(
        study,
        ('table["size"] = np.char.upper(table["shape"].to_numpy(str))',),
        (("size: numeric", "size: label"),),
    )
    result = iin("check", str(study))
    assert result.exit_code == 0
    said = " ".join(result.stderr.split())
    assert "'shape' and 'size' determine each other (Cramér's V 1.00)" in said


def test_a_concept_constant_in_held_out_rows_is_said(iin: Command, study: Path) -> None:
    """Training goes on; what does not vary there cannot be read there."""
    parts, _ = CONSTANT_IN_TRAINING
    _write(study, (parts, 'table.loc[table["part"] == "heldout", "shape"] = "disc"'), (COLUMN,))
    result = iin("check", str(study))
    assert result.exit_code == 0
    assert "In the held-out rows the concept 'shape' shows one value" in " ".join(result.stderr.split())
