"""A warning of texts that a model can hardly read: in another language, or in a column that holds no texts."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from collections.abc import Sequence

    from scorer.cli.messages import Messages
    from scorer.scores import WordCounts

__all__ = ["warn_of_unknown_words"]

_ADVICE = "is this the column of texts, and in a language of the model (see scorer inspect)?"


def warn_of_unknown_words(messages: Messages, found: Sequence[tuple[str, WordCounts]]) -> None:
    """Warn on one line if too many words are unknown; `found` names what was read, and counts its words."""
    doubtful = [(name, counts) for name, counts in found if counts.too_many_unknown]
    if not doubtful:
        return
    name, counts = doubtful[0]
    others = f"; so are many of {len(doubtful) - 1:,} other inputs" if len(doubtful) > 1 else ""
    share = f"{counts.unknown_share:.0%} of the words are unknown to this model{others}"
    messages.warning(f"{name}: {share}, so its probabilities mean little: {_ADVICE}")
