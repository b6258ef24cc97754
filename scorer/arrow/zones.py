"""Time zones of timestamps that become text."""

from functools import lru_cache

import pyarrow as pa

__all__ = ["in_known_zone"]


def in_known_zone(column: pa.Array) -> pa.Array:
    """Times of a zone that this machine has no database for as the same moments in UTC; all else as it is."""
    kind = column.type
    if not pa.types.is_timestamp(kind) or kind.tz is None or _can_be_written(kind):
        return column
    return column.cast(pa.timestamp(kind.unit, "+00:00"))  # not by its name, which may be as unknown


@lru_cache
def _can_be_written(kind: pa.TimestampType) -> bool:
    try:
        pa.array([0]).cast(kind).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True
