"""Rows and pairs whose shared rank is known."""

import numpy as np
import torch

from iin_core.dimensions import ConceptPairs, Problem


def shared_rank(rank, correlation=0.8, n_pairs=4000, n_dims=16, differs=False, seed=0):
    """Pairs of fresh rows with `rank` shared directions of one correlation, in a random basis."""
    generator = torch.Generator().manual_seed(seed)
    common, a, b = torch.randn(3, n_pairs, n_dims, generator=generator)
    shared = torch.arange(n_dims) < rank
    if differs:
        shared = ~shared
    share = correlation * shared
    a, b = (share.sqrt() * common + (1 - share).sqrt() * own for own in (a, b))
    z = torch.cat((a, b)) @ torch.randn(n_dims, n_dims, generator=generator)
    place = torch.arange(n_pairs)
    return Problem(
        z, z, {"c": ConceptPairs(place, place + n_pairs, differs)}, np.arange(2 * n_pairs) % n_pairs
    )


def classes(n_classes, n_dims=12, distance=4.0, n_sources=600, rows_a_source=3, seed=0):
    """Labelled rows in clusters with random means; rows of one source resemble each other."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(n_classes, (n_sources,), generator=generator).repeat_interleave(rows_a_source)
    source = torch.arange(n_sources).repeat_interleave(rows_a_source)
    means = distance * torch.randn(n_classes, n_dims, generator=generator) / n_dims**0.5
    own = torch.randn(n_sources, n_dims, generator=generator)[source]
    z = means[label] + 0.7 * own + 0.7 * torch.randn(len(source), n_dims, generator=generator)
    return z, label.numpy(), source.numpy()
