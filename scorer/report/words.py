"""Which words go with a side: counted by the model's own tokenizer, told apart by log-odds that know their doubt."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scorer.report.tally import PERIODS
from scorer.scores import Verdict
from scorer.tokens.encoder import RaggedIds

__all__ = ["TellingWord", "WordTally", "telling_words"]

_PRIOR = 500.0
"""Reviews that the prior counts for: a word of a handful of reviews does not come first."""

_LEAST_SURE = 4.0
"""Standard deviations: of some ten thousand words chance lifts hardly one so far."""

Counts = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TellingWord:
    """A word that one of two kinds of reviews has more often."""

    text: str
    first: int
    """Reviews of the first kind that hold it."""
    second: int
    score: float
    """Standard deviations by which its log-odds differ; above 0 where the first kind has it more often."""


class WordTally:
    """How many reviews hold each word, int64 [period, `Verdict`, word], whatever the size of the file."""

    def __init__(self, words: Sequence[str | None]) -> None:
        self.words = words
        """By their ids; None for what is no word."""
        self.counts = np.zeros((PERIODS, len(Verdict), len(words)), np.int64)

    def add(self, ids: RaggedIds, cell: NDArray[np.int64]) -> None:
        """Count rows of ids, whose period and verdict are `cell` (see `Cells`), both [rows]; a word once a review."""
        size = len(self.words)
        row = np.repeat(np.arange(len(ids)), ids.lengths)
        held = np.sort(row * size + ids.values)
        different = held[np.diff(held, prepend=-1) > 0]
        place = cell[different // size] * size + different % size
        self.counts += np.bincount(place, minlength=self.counts.size).reshape(self.counts.shape)


def telling_words(words: Sequence[str | None], first: Counts, second: Counts, most: int) -> list[TellingWord]:
    """The words, at most so many, that the first kind of reviews has more often beyond chance, the surest first.

    The counts are [words].
    They are told by the log-odds ratio with an informative prior, which is how frequent words are in both
    kinds together (Monroe, Colaresi and Quinn 2008).
    """
    both = first + second
    prior = both / max(both.sum(), 1) * _PRIOR
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = _log_odds(first, prior) - _log_odds(second, prior)
        score = difference / np.sqrt(1 / (first + prior) + 1 / (second + prior))
    score = np.nan_to_num(score, posinf=0.0, neginf=0.0)
    order = (
        place for place in np.argsort(-score, kind="stable") if words[place] is not None and score[place] > _LEAST_SURE
    )
    chosen = [place for place, _ in zip(order, range(most), strict=False)]
    return [TellingWord(str(words[at]), int(first[at]), int(second[at]), float(score[at])) for at in chosen]


def _log_odds(counts: Counts, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    held = counts + prior
    return np.asarray(np.log(held / (held.sum() - held)))
