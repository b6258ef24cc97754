"""What can go wrong while fitting."""

from collections.abc import Iterator
from contextlib import contextmanager

from scorer.errors import SentimentScorerError

__all__ = ["TrainerError", "memory_told"]


class TrainerError(SentimentScorerError):
    """Data, recipe or checkpoint cannot be used; the text names which and what to do."""


@contextmanager
def memory_told() -> Iterator[None]:
    """Raise `TrainerError` where memory is lacking, for which torch has no class of its own on a CPU."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "allocate" not in str(error):
            raise
        smaller = "--hidden-dim, --embedding-dim, --batch-size, --max-length, or fewer --crops"
        raise TrainerError(f"out of memory; take a smaller {smaller}") from error
