"""A tiny random transformer with padding, and one whose block is used three times."""

from __future__ import annotations

import torch
from torch import nn

DIM, VOCABULARY = 8, 20


class Block(nn.Module):
    """Self-attention that does not look at padding, and a feed-forward network."""

    def __init__(self):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(DIM, DIM) for _ in range(3))
        self.feed = nn.Sequential(nn.Linear(DIM, DIM), nn.GELU(), nn.Linear(DIM, DIM))

    def forward(self, x, mask):
        score = self.query(x) @ self.key(x).transpose(1, 2) / DIM**0.5
        score = score.masked_fill(mask[:, None] == 0, -1e9)
        x = x + score.softmax(-1) @ self.value(x)
        return x + self.feed(x)


class Tiny(nn.Module):
    """Embeddings, two blocks, a head on the mean of the tokens."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(VOCABULARY, DIM)
        self.first, self.second = Block(), Block()
        self.head = nn.Linear(DIM, 3)

    def forward(self, input_ids, attention_mask):
        x = self.second(self.first(self.embed(input_ids), attention_mask), attention_mask)
        weight = attention_mask[..., None].float()
        return self.head((x * weight).sum(1) / weight.sum(1))


class Recurrent(nn.Module):
    """One block, used three times."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed = nn.Embedding(VOCABULARY, DIM)
        self.block = Block()

    def forward(self, input_ids, attention_mask):
        x = self.embed(input_ids)
        for _ in range(3):
            x = self.block(x, attention_mask)
        return x


def sentences(lengths=(5, 2, 7, 3), padded=7, left=False):
    """Random sentences of these lengths, padded to one length."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.zeros(len(lengths), padded, dtype=torch.int64)
    mask = torch.zeros(len(lengths), padded, dtype=torch.int64)
    for i, n in enumerate(lengths):
        place = slice(padded - n, None) if left else slice(0, n)
        ids[i, place] = torch.randint(1, VOCABULARY, (n,), generator=generator)
        mask[i, place] = 1
    return {"input_ids": ids, "attention_mask": mask}
