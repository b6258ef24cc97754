"""What can go wrong while fitting."""

from scorer.errors import SentimentScorerError

__all__ = ["TrainerError"]


class TrainerError(SentimentScorerError):
    """Data, recipe or checkpoint cannot be used; the text names which and what to do."""
