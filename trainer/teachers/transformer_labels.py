"""Which labels of a pretrained classifier mean praise, and which complaint, by their names."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from trainer.errors import TrainerError

__all__ = ["LabelSides", "label_sides"]

_NEGATIVE, _POSITIVE, _ASIDE = ("neg", "bad"), ("pos", "good"), ("neu", "mixed")
_NUMBERED = re.compile(r"(?:label[ _-]?)?(\d+)")
_STARS = re.compile(r"\D*(\d+)\D*")
_SIZES = (2, 3, 5)  # numbers of labels that are known to run from negative to positive


@dataclass(frozen=True)
class LabelSides:
    """Numbers of a classifier's labels; a label of neither side, such as `neutral`, has no say."""

    names: tuple[str, ...]
    negative: tuple[int, ...]
    positive: tuple[int, ...]

    def __str__(self) -> str:
        aside = [name for i, name in enumerate(self.names) if i not in (*self.negative, *self.positive)]
        sides = f"positive is {self._called(self.positive)}; negative is {self._called(self.negative)}"
        return f"{sides}; {', '.join(aside)} aside" if aside else sides

    def _called(self, side: tuple[int, ...]) -> str:
        return ", ".join(self.names[i] for i in side)


def label_sides(id2label: Mapping[int, str], name: str) -> LabelSides:
    """The sides of a classifier's labels, by words, stars, or their order if they are only numbered.

    P(positive) is that of the positive labels against the negative ones: a middle label says that the text is
    neither, and says so of both alike. Raises `TrainerError`, naming the classifier `name`, for other labels.
    """
    names = tuple(str(id2label[i]) for i in sorted(id2label))
    ranks = _by_words(names) or _by_stars(names) or _by_order(names)
    if not ranks or not min(ranks) < 0 < max(ranks):
        raise TrainerError(
            f"teacher {name}: its labels are {', '.join(names)}; they must be named negative and positive, or by stars"
        )
    negative, positive = (tuple(i for i, rank in enumerate(ranks) if rank * side > 0) for side in (-1, 1))
    return LabelSides(names, negative, positive)


def _by_words(names: tuple[str, ...]) -> list[float]:
    """-1, 0 or 1 for each label; nothing unless all are called by such words."""
    sides = ((_NEGATIVE, -1.0), (_POSITIVE, 1.0), (_ASIDE, 0.0))
    found = [[side for words, side in sides if any(word in name.lower() for word in words)] for name in names]
    return [ranks[0] for ranks in found] if all(len(ranks) == 1 for ranks in found) else []


def _by_stars(names: tuple[str, ...]) -> list[float]:
    if not all("star" in name.lower() and _STARS.fullmatch(name) for name in names):
        return []
    stars = [int(match.group(1)) for name in names if (match := _STARS.fullmatch(name))]
    return [star - (min(stars) + max(stars)) / 2 for star in stars]


def _by_order(names: tuple[str, ...]) -> list[float]:
    numbered = len(names) in _SIZES and all(_NUMBERED.fullmatch(name.lower()) for name in names)
    return [i - (len(names) - 1) / 2 for i in range(len(names))] if numbered else []
