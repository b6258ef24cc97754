"""What can go wrong while exporting."""

from scorer.errors import SentimentScorerError

__all__ = ["ExportError"]


class ExportError(SentimentScorerError):
    """The network cannot be exported, or its graph does not give the same numbers."""
