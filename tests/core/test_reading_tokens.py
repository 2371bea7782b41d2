"""Tokens of padded sequences: which are read, what an edit changes, and what is refused."""

from __future__ import annotations

import pytest
import torch

from iin_core.attached import attached
from iin_core.blocks import Blocks
from iin_core.errors import InputError, ModelError
from iin_core.reading_inputs import bind
from iin_core.readings import Token, as_reading, make_reading, n_features
from iin_core.spec import ReadingSpec
from iin_core.split import capture, run_edited
from tests.core.transformer_world import DIM, Recurrent, Tiny, sentences

LENGTHS = (5, 2, 7, 3)
VERB = torch.tensor([1, 0, 6, 2])
SPAN = {"start": torch.tensor([1, 0, 2, 0]), "stop": torch.tensor([3, 2, 7, 1])}
KINDS = [
    {"token": "cls"},
    {"token": "last"},
    {"token": "mean"},
    {"token": "each"},
    {"token": {"at": "verb"}},
    {"token": {"at": ["start", "stop"]}},
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: as_reading(kind).name)
BESIDE = {"verb": VERB, **SPAN}


def _loop(tokens, mask, kind):
    """The rows, sentence by sentence and token by token."""
    rows = []
    for i, n in enumerate(LENGTHS):
        real = [tokens[i, t] for t in range(tokens.shape[1]) if mask[i, t]]
        assert len(real) == n
        match as_reading(kind).name:
            case "token: cls":
                rows.append(real[0])
            case "token: last":
                rows.append(real[-1])
            case "token: mean":
                rows.append(torch.stack(real).mean(0))
            case "token: each":
                rows.extend(real)
            case "token: at verb":
                rows.append(real[VERB[i]])
            case _:
                rows.append(torch.stack(real[SPAN["start"][i] : SPAN["stop"][i]]).mean(0))
    return torch.stack(rows)


@every_kind
@pytest.mark.parametrize("left", [False, True])
def test_readings_agree_with_loops_over_tokens(kind, left):
    """Each reading gives what a loop over the tokens that are not padding gives."""
    inputs = sentences(LENGTHS, 9, left)
    tokens = torch.randn(4, 9, DIM, generator=torch.Generator().manual_seed(2))
    tokens[inputs["attention_mask"] == 0] = torch.nan
    rows = bind(as_reading(kind), inputs, BESIDE).rows(tokens)
    torch.testing.assert_close(rows, _loop(tokens, inputs["attention_mask"], kind))


@every_kind
def test_rows_do_not_depend_on_how_far_a_batch_is_padded(kind):
    """More padding on the right leaves the rows of a running transformer as they are."""
    model, found = Tiny(), []
    for padded in (7, 8, 16):
        inputs = sentences(LENGTHS, padded)
        found.append(capture(model, inputs, {"first": as_reading(kind)}, BESIDE)["first"])
    for rows in found[1:]:
        torch.testing.assert_close(rows, found[0], rtol=1e-5, atol=1e-6)


@every_kind
def test_an_edit_changes_its_own_tokens_alone(kind):
    """Rows move by what is added; all tokens that are not read, padding too, keep every bit."""
    inputs = sentences(LENGTHS, 9)
    tokens = torch.randn(4, 9, DIM, generator=torch.Generator().manual_seed(2))
    reading = bind(as_reading(kind), inputs, BESIDE)
    rows = reading.rows(tokens)
    delta = torch.randn(rows.shape, generator=torch.Generator().manual_seed(3))
    edited = reading.add(tokens, delta)
    torch.testing.assert_close(reading.rows(edited), rows + delta)
    same = (edited == tokens).all(2)
    n_changed = {"token: mean": 17, "token: each": 17, "token: at start:stop": 10}.get(reading.name, 4)
    assert int((~same).sum()) == n_changed
    assert bool(same[inputs["attention_mask"] == 0].all())


@every_kind
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_change_of_zero_keeps_every_bit(kind, dtype):
    """A pass with an edit of nothing gives the same bits as a plain pass."""
    inputs = sentences(LENGTHS, 9)
    tokens = torch.randn(4, 9, DIM, generator=torch.Generator().manual_seed(2)).to(dtype)
    tokens.flatten()[::3] = -0.0
    reading = bind(as_reading(kind), inputs, BESIDE)
    same = reading.add(tokens, torch.zeros(reading.rows(tokens).shape))
    assert torch.equal(same.view(torch.uint8), tokens.view(torch.uint8))
    model = Tiny().eval()
    delta = {
        "first": (as_reading(kind), torch.zeros(len(_loop(tokens, inputs["attention_mask"], kind)), DIM))
    }
    assert torch.equal(run_edited(model, inputs, delta, BESIDE), run_edited(model, inputs, {}))


def test_each_can_be_sampled():
    """At most so many tokens of each sentence, the same for the same seed, none of them padding."""
    inputs = sentences(LENGTHS, 9)
    tokens = torch.randn(4, 9, DIM)
    every = bind(Token("each"), inputs).rows(tokens)
    some = bind(Token("each", sample=3, seed=1), inputs).rows(tokens)
    assert len(some) == 3 + 2 + 3 + 3
    assert all((row == every).all(1).any() for row in some)
    assert torch.equal(some, bind(Token("each", sample=3, seed=1), inputs).rows(tokens))


def test_a_mask_of_another_name():
    """The reading says which input tells padding where it is not called attention_mask."""
    inputs = sentences(LENGTHS, 9)
    tokens = torch.randn(4, 9, DIM)
    renamed = {"padding_free": inputs["attention_mask"]}
    named = bind(as_reading({"token": "last", "mask": "padding_free"}), renamed)
    assert torch.equal(named.rows(tokens), bind(Token("last"), inputs).rows(tokens))
    with pytest.raises(InputError, match="mask 'padding_free' is no input of the model"):
        bind(as_reading({"token": "last", "mask": "padding_free"}), inputs)


@pytest.mark.parametrize(
    ("beside", "text"),
    [
        ({"verb": torch.tensor([1, 2, 6, 2])}, "token 2 of example 1 lies outside its sentence of 2 tokens"),
        ({"verb": torch.tensor([1, -1, 6, 2])}, "token -1 of example 1 lies outside"),
        ({"verb": torch.tensor([1.0, 0.5, 2.0, 1.0])}, "'verb' holds something else than whole numbers"),
        ({"verb": torch.tensor([1.0, torch.nan, 2.0, 1.0])}, "holds something else than whole numbers"),
        (
            {"verb": torch.tensor([[0, 1], [1, 1], [0, 7], [0, 1]])},
            "token span 1:1 of example 1 lies outside",
        ),
        ({}, "Nothing is called 'verb'"),
    ],
)
def test_tokens_that_are_not_there_are_refused(beside, text):
    """A token outside its sentence, or none, is refused with the example that lacks it."""
    with pytest.raises(InputError, match=text):
        bind(as_reading({"token": {"at": "verb"}}), sentences(LENGTHS, 9), beside)


def test_a_value_that_names_no_token_is_refused_with_its_examples():
    """Missing values and fractions are found by column and example."""
    found = torch.tensor([1.0, torch.nan, 2.0, 0.5])
    with pytest.raises(InputError) as caught:
        bind(as_reading({"token": {"at": "verb"}}), sentences(LENGTHS, 9), {"verb": found})
    assert caught.value.where == "'verb', 2 of 4 examples: 1, 3"


def test_a_span_outside_a_sequence_without_padding_is_refused():
    """Where nothing tells padding the whole activation is the sentence."""
    reading = bind(as_reading({"token": {"at": "verb"}}), {}, {"verb": torch.tensor([1, 4])})
    with pytest.raises(InputError, match="token 4 of example 1 lies outside its sentence of 4 tokens"):
        reading.rows(torch.zeros(2, 4, DIM))


def test_a_named_token_needs_the_data():
    """Its width is known without data, its rows are not."""
    reading = as_reading({"token": {"at": "verb"}})
    assert n_features(reading, (4, DIM)) == DIM
    with pytest.raises(InputError, match="was not told where its token stands"):
        reading.rows(torch.zeros(2, 4, DIM))


def test_a_sentence_of_padding_alone_is_refused():
    """It has no token that could be read."""
    inputs = sentences(LENGTHS, 9)
    inputs["attention_mask"][2] = 0
    with pytest.raises(InputError, match="Examples 2 have no token that is not padding"):
        bind(Token("mean"), inputs)


def test_a_mask_that_does_not_fit_the_layer_is_refused():
    """A layer that has other tokens than the input cannot use the input's mask."""
    with pytest.raises(InputError, match=r"mask has shape \(4, 9\), the activation \(4, 5, 8\)"):
        bind(Token("mean"), sentences(LENGTHS, 9)).rows(torch.zeros(4, 5, DIM))
    others = torch.randn(4, 5, DIM)
    free = bind(as_reading({"token": "mean", "mask": "none"}), sentences(LENGTHS, 9))
    assert torch.equal(free.rows(others), others.mean(1))


def test_specs_name_their_readings():
    """Spec and reading agree on the name, in all forms."""
    for written in (
        *KINDS,
        {"position": "each"},
        {"token": "cls", "call": 1},
        {"pool": "mean", "call": "all"},
    ):
        spec = ReadingSpec(**written)
        assert make_reading(spec).name == spec.name


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ({"token": "at"}, "names the column of a token"),
        ({"pool": "mean", "mask": "m"}, "only `token` has it"),
        ({"token": "cls", "sample": 3}, "choose among the rows"),
        ({"flatten": True, "token": "cls"}, "exactly one of flatten, pool, token, position"),
    ],
)
def test_specs_that_mean_nothing_are_refused(written, text):
    """Settings that do not belong together are told apart."""
    with pytest.raises(ValueError, match=text):
        ReadingSpec(**written)


@pytest.mark.parametrize("call", [0, 1, 2])
def test_one_call_of_a_shared_block(call):
    """A call is read as a loop reaches it, and an edit reaches that call alone."""
    model, inputs = Recurrent().eval(), sentences(LENGTHS, 7)
    with torch.no_grad():
        x, mask = model.embed(inputs["input_ids"]), inputs["attention_mask"]
        states = []
        for _ in range(3):
            x = model.block(x, mask)
            states.append(x)
    reading = as_reading({"token": "cls", "call": call})
    rows = capture(model, inputs, {"block": reading})["block"]
    torch.testing.assert_close(rows, states[call][:, 0])
    delta = torch.ones(4, DIM)
    output = run_edited(model, inputs, {"block": (reading, delta)})
    with torch.no_grad():
        y = states[call].clone()
        y[:, 0] += 1
        for _ in range(2 - call):
            y = model.block(y, mask)
    torch.testing.assert_close(output, y)


def test_all_calls_of_a_shared_block():
    """Rows of all calls stand row by row, then call by call."""
    model, inputs = Recurrent(), sentences(LENGTHS, 7)
    every = capture(model, inputs, {"block": as_reading({"token": "mean", "call": "all"})})["block"]
    one = [
        capture(model, inputs, {"block": as_reading({"token": "mean", "call": i})})["block"] for i in range(3)
    ]
    assert torch.equal(every, torch.stack(one, 1).flatten(0, 1))


def test_a_call_that_does_not_come_is_refused():
    """The number of calls is told."""
    model, inputs = Recurrent(), sentences(LENGTHS, 7)
    reading = as_reading({"token": "cls", "call": 3})
    with pytest.raises(
        ModelError, match=r"'block' .Block. was called 3 times in one forward pass; there is no call 3"
    ):
        capture(model, inputs, {"block": reading})
    with pytest.raises(ModelError, match="there is no call 3"):
        run_edited(model, inputs, {"block": (reading, torch.zeros(4, DIM))})


def test_a_call_of_a_lossy_reading_says_that_it_is_lossy():
    """That its way back is missing is told, not a number of calls."""
    reading = as_reading({"pool": "max", "call": 0})
    with pytest.raises(InputError, match="'pool: max' cannot put an edit back: not applicable, lossy"):
        reading.add(torch.zeros(2, 3, 4), torch.zeros(2, 3))


class Shift:
    """An interpreter whose one factor is the whole row: a swap takes the donor's, an edit sets a number."""

    blocks = Blocks({"residual": 1, "all": DIM - 1})
    n_features = DIM

    def swap(self, base, source, factor):
        return source.clone()

    def resample(self, z, factor, seed=0):
        return z

    def edit(self, z, factor, to):
        return torch.full_like(z, to)


@pytest.mark.parametrize("by_keyword", [True, False])
def test_attached_edits_see_the_padding_of_the_pass(by_keyword):
    """The user's own pass, with keywords or without, has the last real token edited."""
    model, inputs = Tiny().eval(), sentences(LENGTHS, 9)
    seen = {}
    hook = model.second.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    with attached(Shift(), model, "first", {"token": "last"}) as edit, torch.no_grad():
        edit.edit("all", 3.0)
        model(**inputs) if by_keyword else model(*inputs.values())
    hook.remove()
    assert [int((seen["x"][i] - 3).abs().amax(1).argmin()) for i in range(4)] == [n - 1 for n in LENGTHS]


def test_attached_edits_of_named_tokens_and_donors():
    """Columns stand beside the inputs, those of the donors beside theirs."""
    model, inputs, donors = Tiny().eval(), sentences(LENGTHS, 9), sentences((4, 4, 4, 4), 5)
    reading = {"token": {"at": "verb"}}
    seen = {}
    hook = model.second.register_forward_pre_hook(lambda _, args: seen.update(x=args[0]))
    with attached(Shift(), model, "first", reading, beside={"verb": VERB}) as edit, torch.no_grad():
        edit.swap(donors, "all", beside={"verb": torch.tensor([3, 2, 1, 0])})
        model(**inputs)
    hook.remove()
    rows = capture(model, donors, {"first": as_reading(reading)}, {"verb": torch.tensor([3, 2, 1, 0])})[
        "first"
    ]
    torch.testing.assert_close(seen["x"][torch.arange(4), VERB], rows)


def test_attached_edits_of_one_call():
    """Only that call of a shared block is edited; all calls at once are refused."""
    model, inputs = Recurrent().eval(), sentences(LENGTHS, 7)
    reading = as_reading({"token": "cls", "call": 1})
    with attached(Shift(), model, "block", reading) as edit, torch.no_grad():
        edit.edit("all", 1.0)
        output = model(**inputs)
    delta = 1.0 - capture(model, inputs, {"block": reading})["block"]
    torch.testing.assert_close(output, run_edited(model, inputs, {"block": (reading, delta)}))
    with (
        pytest.raises(InputError, match="has rows of several calls: an edit is of one call"),
        attached(Shift(), model, "block", {"token": "cls", "call": "all"}),
    ):
        pass
