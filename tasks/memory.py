"""Whether an error says that there is not enough memory."""

from __future__ import annotations

_SAID = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory")


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception tells of memory that is used up; torch's is a `RuntimeError` on a CPU."""
    if isinstance(error, MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error).lower() for said in _SAID)
