"""What a scored file says of how it was decided: its cuts and labels, which a report keeps to."""

import json
from dataclasses import replace

import pyarrow as pa

from scorer.errors import UsageError
from scorer.scores import Decision

__all__ = ["decided"]

_KEY = b"sentiment_scorer.decision"


def decided(schema: pa.Schema, asked: Decision) -> Decision:
    """The decision that is `asked` for; what it leaves open is as `scorer run` wrote it beside a Parquet's schema."""
    said = _said(schema)
    if asked.threshold is None and asked.unsure is None:
        asked = replace(asked, threshold=said.threshold, unsure=said.unsure)
    return replace(
        asked,
        positive_label=asked.positive_label or said.positive_label,
        negative_label=asked.negative_label or said.negative_label,
    )


def _said(schema: pa.Schema) -> Decision:
    """Nothing where the file does not say, or not in a form that is known."""
    try:
        found = json.loads((schema.metadata or {})[_KEY])
        low, high = map(float, found["cuts"])
        negative, positive = map(str, found["labels"][:2])
        if not 0 <= low <= high <= 1:
            return Decision()
        cuts = {"unsure": (low, high)} if low < high else {"threshold": high}
        return Decision(**cuts, positive_label=positive, negative_label=negative)
    except (ValueError, KeyError, TypeError, UsageError):
        return Decision()
