"""The layout of z̃: one slice of dimensions for the residual and one for each concept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from iin_core.errors import InputError

RESIDUAL = "residual"


class Blocks(Mapping[str, slice]):
    """An ordered mapping from a factor's name to its slice of z̃.

    Args:
        dims: dimensions of each block, in the order in which they lie in z̃; one is called
            ``"residual"`` (z̃_0 of the paper, section 3).

    Raises:
        InputError: a block without dimensions, or no residual.
    """

    def __init__(self, dims: Mapping[str, int]) -> None:
        if RESIDUAL not in dims:
            raise InputError(
                "The blocks of z̃ have no residual.",
                where=f"blocks {dict(dims)}",
                fix='add a block called "residual" for what the concepts do not explain',
            )
        for name, dim in dims.items():
            if dim < 1:
                raise InputError(
                    f"Block {name!r} has {dim} dimensions.",
                    where=f"blocks {dict(dims)}",
                    fix="give every block at least one dimension",
                )
        self.dims = dict(dims)
        self._slices: dict[str, slice] = {}
        start = 0
        for name, dim in self.dims.items():
            self._slices[name] = slice(start, start + dim)
            start += dim
        self.n_dims = start

    @property
    def concepts(self) -> list[str]:
        """The names of all blocks but the residual."""
        return [name for name in self.dims if name != RESIDUAL]

    @property
    def index_of_dim(self) -> list[int]:
        """For each dimension of z̃ the position of its block."""
        return [i for i, dim in enumerate(self.dims.values()) for _ in range(dim)]

    def __getitem__(self, name: str) -> slice:
        return self._slices[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._slices)

    def __len__(self) -> int:
        return len(self._slices)

    def __repr__(self) -> str:
        return f"Blocks({self.dims})"
