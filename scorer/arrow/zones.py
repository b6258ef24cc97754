"""Time zones of timestamps that become text."""

from functools import lru_cache

import pyarrow as pa

__all__ = ["with_known_zone"]


@lru_cache
def with_known_zone(kind: pa.DataType) -> pa.DataType:
    """A type in which times can be written: UTC, by its offset, for a zone that this machine has no database for.

    That is the same moment, in other words. Types that are no timestamps of a zone stay as they are.
    """
    if not pa.types.is_timestamp(kind) or kind.tz is None:
        return kind
    try:
        pa.array([0]).cast(kind).cast(pa.string())
    except pa.ArrowInvalid:
        return pa.timestamp(kind.unit, "+00:00")
    return kind
