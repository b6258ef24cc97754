"""Why a text has its score: the effect of each of its words, by what the model says when it cannot read the word.

A word's effect is how far the log-odds of positive fall when an unknown word stands in its place (occlusion: Zeiler and
Fergus 2014; for words Li, Monroe and Jurafsky 2016). It asks nothing of a model but its verdicts, and the place stays
taken: a network that reads two words a step would pair all later ones anew if the word were left out. There the mean
over both pairings is taken, the other one by an unknown word before the text. `benchmarks.explanations` holds this
against other ways.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from scorer.arrow.arrays import numbers, offsets_of, strings
from scorer.model.batches import Batch, planned
from scorer.model.network import Network
from scorer.scores import WORDS_TYPE
from scorer.tokens.encoder import RaggedIds, TextEncoder
from scorer.tokens.places import WordPlaces

__all__ = ["CANDIDATES", "Explainer", "Question", "Word", "pieces_of", "words_column"]

CANDIDATES = 32
"""Words of a text that a column of strongest words is chosen from: 16 lose a tenth of the fall without four words."""
_MOST_SHOWN = 5
_LEAST_SHOWN = 0.1
"""Of the strongest word's effect."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a text and its effect."""

    text: str
    """As it is written there."""
    start: int
    end: int
    """From which character of the text on, and before which."""
    effect: float
    """By how many nats the log-odds of positive fall without it; negative for what speaks against."""

    def as_dict(self) -> dict[str, str | int | float]:
        """All of it, ready for JSON."""
        return {"word": self.text, "start": self.start, "end": self.end, "effect": round(self.effect, 4)}


@dataclass(frozen=True, slots=True)
class Occluded(Batch):
    """Rows with some tokens made unknown, behind `shift` unknown words; `rows` may name a row several times."""

    variants: NDArray[np.int64]
    """Which of all variants these are, [batch]."""
    tokens: NDArray[np.int64]
    """What is made unknown in each: first, one past the last; [batch, 2]."""
    unknown_id: int
    shift: int

    def padded(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ids and attention mask, both int64 [batch, shift + width]."""
        ids, mask = Batch.padded(self)
        columns = np.arange(ids.shape[1])
        ids[(columns >= self.tokens[:, :1]) & (columns < self.tokens[:, 1:])] = self.unknown_id
        unknown = np.full((len(ids), self.shift), self.unknown_id)
        return np.hstack([unknown, ids]), np.hstack([np.ones_like(unknown), mask])


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the network to explain some texts, in batches that may be run in any order."""

    texts: list[str | None]
    places: list[WordPlaces]
    """The words of each text whose effects are asked for."""
    batches: list[Occluded]
    pairings: int

    def words(self, log_odds: Iterable[Floats]) -> list[list[Word]]:
        """The words of each text in their order, from what the network says of each batch, float64 [batch]."""
        counts = np.array([len(one.tokens) for one in self.places], np.int64)
        said = np.zeros(int((counts + 1).sum()))
        for batch, values in zip(self.batches, log_odds, strict=True):
            said[batch.variants] += values
        said /= self.pairings
        starts = offsets_of(counts + 1)
        return [
            [
                Word(text[start:end], int(start), int(end), float(said[first] - without))
                for (start, end), without in zip(one.characters, said[first + 1 : last], strict=True)
            ]
            for text, one, first, last in zip(
                (text or "" for text in self.texts), self.places, starts, starts[1:], strict=False
            )
        ]


class Explainer:
    """Finds the words that a score rests on, by an encoder and its network."""

    def __init__(self, encoder: TextEncoder, network: Network) -> None:
        self._encoder, self._network = encoder, network
        self._alone: Floats | None = None

    def question(self, texts: pa.Array, ids: RaggedIds, candidates: int | None = None) -> Question:
        """What to ask about the words of `texts`, whose rows are `ids`; of each text at most `candidates` words.

        These are the ones that, read alone, say most, and are asked for in the text's own pairing only: for a review of
        230 words that is a fourteenth of the work, and mostly finds the same strongest words.
        """
        places = self._encoder.places(texts)
        if candidates is not None:
            places = [self._likeliest(one, row, candidates) for one, row in zip(places, _rows(ids), strict=True)]
        pairings = self._network.words_per_step if candidates is None else 1
        batches = [batch for shift in range(pairings) for batch in self._batches(ids, places, shift)]
        return Question(texts.to_pylist(), places, batches, pairings)

    def _batches(self, ids: RaggedIds, places: list[WordPlaces], shift: int) -> Iterator[Occluded]:
        """Each text as it is and without each of its words, one variant after the other."""
        counts = np.array([len(one.tokens) for one in places], np.int64)
        text = np.repeat(np.arange(len(places)), counts + 1)
        whole = np.zeros((1, 2), np.int64)
        tokens = np.concatenate([whole[:0], *(part for one in places for part in (whole, one.tokens))])
        settings, unknown = self._encoder.settings, self._encoder.unknown_id
        for chosen, width in planned(np.where(counts > 0, ids.lengths, 0)[text], settings):
            yield Occluded(ids, text[chosen], width, settings.pad_id, chosen, tokens[chosen], unknown, shift)

    def _likeliest(self, places: WordPlaces, row: NDArray[np.int32], most: int) -> WordPlaces:
        if len(places.tokens) <= most:
            return places
        says = np.concatenate([[0.0], np.cumsum(self._read_alone(row))])
        strength = np.abs(says[places.tokens[:, 1]] - says[places.tokens[:, 0]])
        chosen = np.sort(np.argsort(-strength, kind="stable")[:most])
        return WordPlaces(places.characters[chosen], places.tokens[chosen])

    def _read_alone(self, ids: NDArray[np.int32]) -> Floats:
        """What each token says alone, beside what an unknown one says: [tokens]."""
        unknown = self._encoder.unknown_id
        if self._alone is None or len(self._alone) < self._encoder.vocab_size:
            self._alone = np.full(self._encoder.vocab_size, np.nan)
        lacking = np.unique(np.append(ids, unknown))
        lacking = lacking[np.isnan(self._alone[lacking])]
        if len(lacking):
            rows = RaggedIds(lacking.astype(np.int32), np.arange(len(lacking) + 1), np.zeros(len(lacking), np.bool_))
            for chosen, width in planned(rows.lengths, self._encoder.settings):
                batch = Batch(rows, chosen, width, self._encoder.settings.pad_id)
                self._alone[lacking[chosen]] = self._network.log_odds(*batch.padded())
        return np.asarray(self._alone[ids] - self._alone[unknown])


def pieces_of(text: str, words: Iterable[Word]) -> Iterator[tuple[str, float]]:
    """The words of `text` and what stands between them, each with its share of the strongest effect, -1 to 1."""
    words, place = list(words), 0
    strongest = max((abs(word.effect) for word in words), default=0.0) or 1.0
    for word in words:
        yield text[place : word.start], 0.0
        yield word.text, word.effect / strongest
        place = word.end
    yield text[place:], 0.0


def words_column(explained: Iterable[list[Word]]) -> pa.ListArray:
    """The strongest words of each text, the strongest first, as `WORDS_TYPE`."""
    strongest = [list(_strongest(words)) for words in explained]
    found = [word for words in strongest for word in words]
    values = [strings(word.text for word in found), numbers(np.array([word.effect for word in found], np.float32))]
    offsets = offsets_of(np.array([len(words) for words in strongest], np.int64)).astype(np.int32)
    return pa.ListArray.from_arrays(
        numbers(offsets), pa.StructArray.from_arrays(values, fields=list(WORDS_TYPE.value_type))
    )


def _strongest(words: list[Word]) -> Iterator[Word]:
    order = sorted(words, key=lambda word: -abs(word.effect))
    return (word for word in islice(order, _MOST_SHOWN) if abs(word.effect) > _LEAST_SHOWN * abs(order[0].effect))


def _rows(ids: RaggedIds) -> Iterator[NDArray[np.int32]]:
    return (ids.values[start:end] for start, end in zip(ids.offsets, ids.offsets[1:], strict=False))
