"""How many operators an update hands to torch's dispatcher: a measure of overhead that needs no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch._ops import OpOverload
from torch.utils._python_dispatch import TorchDispatchMode


class OperatorCount(TorchDispatchMode):
    """Counts what is dispatched within it, by name; what only looks at memory in another way is apart.

    Attributes:
        computed: operators that compute or move numbers.
        views: operators that return a view of their input.
    """

    def __init__(self) -> None:
        super().__init__()
        self.computed: Counter[str] = Counter()
        self.views: Counter[str] = Counter()

    def __torch_dispatch__(
        self,
        func: OpOverload,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        returned = [value.alias_info for value in func._schema.returns]
        is_view = any(alias is not None and not alias.is_write for alias in returned)
        (self.views if is_view else self.computed)[str(func)] += 1
        return func(*args, **(kwargs or {}))


def count_operators(run: Callable[[], object]) -> OperatorCount:
    """Count what one run dispatches."""
    with OperatorCount() as count:
        run()
    return count
