"""Readers of a model's output: which labels their logits mean, and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from iin_core.errors import ModelError
from tasks.evaluation.network import Reader, head_reader, image_reader, sorted_labels
from tasks.study import HeadSpec

LOGITS = torch.tensor([[0.0, 2.0], [1.0, 0.0]])
LABELS = {"ink": ["blue", "red"], "digit": [0, 1, 2]}


class _Says(nn.Module):
    def __init__(self, answer: object) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, image: torch.Tensor) -> object:
        return self.answer


def test_logits_mean_the_sorted_labels_unless_the_study_says_otherwise() -> None:
    """Class indices of predictions and of true labels agree, in both orders of the labels."""
    table = pd.DataFrame({"shade": ["red", "blue", "green"]})
    for classes, truth in ((None, [1, 0, -1]), (("red", "blue"), [0, 1, -1])):
        reader = head_reader([HeadSpec(concept="ink", classes=classes)], LABELS)
        assert reader.predict(LOGITS)["ink"].tolist() == [1, 0]
        assert reader.truth(table, {"ink": "shade"})["ink"].tolist() == truth


def test_a_mapping_is_read_by_the_named_part_or_by_the_concept() -> None:
    """`output` names the part; without it the concept's own name does."""
    named = head_reader([HeadSpec(concept="ink", output="logits")], LABELS)
    own = head_reader([HeadSpec(concept="ink")], LABELS)
    assert named.predict({"logits": LOGITS})["ink"].tolist() == own.predict({"ink": LOGITS})["ink"].tolist()


def test_a_tuple_is_read_by_place_and_its_only_tensor_without() -> None:
    """A tuple of logits and hidden states, say."""
    by_place = head_reader([HeadSpec(concept="ink", output=1)], LABELS)
    assert by_place.predict((torch.zeros(2, 7), LOGITS))["ink"].tolist() == [1, 0]
    only = head_reader([HeadSpec(concept="ink")], LABELS)
    assert only.predict((LOGITS, None))["ink"].tolist() == [1, 0]


def test_one_logit_is_that_of_the_second_of_two_labels() -> None:
    """As of a network that ends in one unit; its response is that of two classes."""
    reader = head_reader([HeadSpec(concept="ink")], LABELS)
    for logits in (torch.tensor([3.0, -2.0]), torch.tensor([[3.0], [-2.0]])):
        assert reader.predict(logits)["ink"].tolist() == [1, 0]
        said = reader.read(logits)["ink"].softmax(1)[:, 1]
        torch.testing.assert_close(said, torch.tensor([3.0, -2.0]).sigmoid())


def test_what_a_reader_says_beyond_the_concepts_is_left_out() -> None:
    """A reader may say more than the data has labels for."""
    reader = image_reader(_Says({"ink": LOGITS, "mood": LOGITS}), LABELS)
    assert list(reader.predict(torch.zeros(2, 1, 4, 4))) == ["ink"]


@pytest.mark.parametrize(
    ("reader", "output", "text"),
    [
        (
            head_reader([HeadSpec(concept="digit")], LABELS),
            LOGITS,
            r"shape \(2, 2\) for 'digit', which has 3 labels",
        ),
        (head_reader([HeadSpec(concept="ink")], LABELS), {"a": LOGITS}, r"no part 'ink'(.|\n)*its parts: a"),
        (
            head_reader([HeadSpec(concept="ink")], LABELS),
            (LOGITS, LOGITS),
            r"returns a tuple of 2, and the head of 'ink' names none(.|\n)*its parts: 0 \(2, 2\)",
        ),
        (head_reader([HeadSpec(concept="ink", output=1)], LABELS), (LOGITS, "a"), "is a str, not a tensor"),
        (image_reader(_Says(LOGITS), LABELS), LOGITS, r"reader returned a Tensor(.|\n)*mapping of concept"),
        (image_reader(_Says({}), LABELS), {"image": LOGITS}, "output is a dict, not an image"),
    ],
)
def test_outputs_that_cannot_be_read_are_named(reader, output, text) -> None:
    """Each says what came and what to write into the study or the model."""
    with pytest.raises(ModelError, match=text) as error:
        reader.predict(output)
    assert error.value.fix


def test_labels_are_sorted_also_when_they_cannot_be_compared() -> None:
    """Numbers sort as numbers, a mixture by its text, and missing values are no label."""
    assert sorted_labels(pd.Series([10, 9, 10])) == [9, 10]
    assert sorted_labels(pd.Series(["b", 2, "a", None], dtype=object)) == [2, "a", "b"]
    assert all(type(value) is bool for value in sorted_labels(pd.Series(np.array([True, False]))))


def test_the_remedy_for_other_labels_is_that_of_who_gives_them() -> None:
    """Labels are named for a head; a network that reads images has to return what the data have."""
    for name, remedy in (("head", "classes:"), ("reader", "for each label that the data have")):
        reader = Reader(name, lambda output: {"digit": output}, {"digit": [0, 1, 2]})
        with pytest.raises(ModelError, match=rf"The {name} gives logits") as error:
            reader.predict(torch.zeros(4, 2))
        assert remedy in error.value.fix
