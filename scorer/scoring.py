"""The function at the centre: a record batch in, the same rows with their sentiment out."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import bools, bools_of, floats_of, integers_of, numbers, strings
from scorer.arrow.columns import choose_name, column_at, find_text_column
from scorer.arrow.decoding import decode_texts, is_text
from scorer.errors import InputError, OnError
from scorer.explaining import CANDIDATES, Explainer, Question, Word, words_column
from scorer.model.batches import Batch, plan_batches
from scorer.model.network import Network, open_model, probabilities
from scorer.model.sealed import SealedModel
from scorer.scores import Decision, ScoreColumns, Scores, Status, WordCounts, scored_schema
from scorer.tables import array_of, column_names, like, with_columns
from scorer.tokens.encoder import TextEncoder

__all__ = ["Prepared", "Scorer"]

Column = TypeVar("Column")
"""A list, or a column of NumPy, pandas, Polars or Arrow."""
Frame = TypeVar("Frame")
"""A data frame of pandas or Polars, or an Arrow table."""

_PLAIN = ScoreColumns()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A column of texts as the network needs it: each different text once, in batches that may be run in any order."""

    texts: list[Batch]
    places: NDArray[np.integer]
    """For every text, which of the different ones it is: [rows]."""
    status: NDArray[np.uint8]
    """Of every text, uint8 [rows]."""
    words: WordCounts
    question: Question | None = None
    """About the words of the different texts, if they are asked for."""

    @property
    def batches(self) -> list[Batch]:
        """All that the network has to run."""
        return [*self.texts, *self.question.batches] if self.question else self.texts

    def scores(self, log_odds: Iterable[NDArray[np.float64]]) -> Scores:
        """All scores from the log-odds of each batch, float64 [batch], in the order of `batches`."""
        distinct = np.full(int(self.places.max(initial=-1)) + 1, np.nan, np.float32)
        said = iter(log_odds)
        for batch, values in zip(self.texts, said, strict=False):
            distinct[batch.rows] = probabilities(values)
        strongest = words_column(self.question.words(said)).take(numbers(self.places)) if self.question else None
        return Scores(distinct[self.places], self.status, self.words, strongest)


class Scorer:
    """A loaded model with its tokenizer. Scoring is safe from several threads at once.

    >>> scorer = Scorer.open()
    >>> probabilities = scorer.score(["This movie was absolutely fantastic!", "Dull, slow and badly acted.", None])
    >>> scorer.labels(probabilities)
    ['positive', 'negative', None]
    """

    def __init__(self, sealed: SealedModel, network: Future[Network]) -> None:
        self.sealed = sealed
        self._encoder = TextEncoder(sealed.tokenizer_json, sealed.card.text)
        self._network = network.result()
        self._explainer = Explainer(self._encoder, self._network)

    @classmethod
    def open(cls, path: Path | str | None = None) -> "Scorer":
        """Load the model at `path`, a file or `hf://OWNER/NAME`, or the one that `find_model` finds.

        Raises `ModelError`.
        """
        return cls(*open_model(path))

    def score(self, texts: Column) -> Column:
        """P(positive) of every text, null where there is none, float32; a column of the kind that is given.

        `texts` is a list of strings and None, or a column of NumPy, pandas, Polars or Arrow. A text's score depends on
        nothing but the text. Raises `InputError` for what is no text.

        >>> Scorer.open().score(pa.array(["What a waste of time."])).type
        DataType(float)
        """
        scores = self._score_array(array_of(texts))
        result: Column = like(texts, numbers(scores.probability, scores.unscored), "sentiment_probability")
        return result

    def labels(self, probabilities: Column, decision: Decision = _PLAIN.decision) -> Column:
        """`negative` or `positive` for what `score` gave, or as `decision` has it; null where there was no text."""
        array = array_of(probabilities).cast(pa.float32())
        labels = self._labels_of(floats_of(array), bools_of(array.is_null()), decision)
        result: Column = like(probabilities, labels, "sentiment")
        return result

    def verdicts(self, probability: NDArray[np.float32], decision: Decision = _PLAIN.decision) -> NDArray[np.int8]:
        """The `Verdict` on each probability, int8 [rows]; negative for NaN."""
        return decision.verdicts(probability, self.sealed.card.threshold)

    def score_frame(self, frame: Frame, text_column: str | None = None, columns: ScoreColumns = _PLAIN) -> Frame:
        """A data frame of pandas or Polars, or an Arrow table, with the score columns after its own.

        `text_column` None looks for the usual names. Raises `InputError` when there is no such column, a score column
        is there already, or a text is none.

        >>> Scorer.open().score_frame(pa.table({"n": [1], "text": ["A fine film."]})).column_names
        ['n', 'text', 'sentiment_probability', 'sentiment']
        """
        names = column_names(frame)
        chosen = choose_name("the frame", names, text_column)
        if taken := [field.name for field in columns.fields if field.name in names]:
            raise InputError(f"the frame already has a column {taken[0]!r}; name the new ones with a prefix")
        texts: Any = frame[chosen]  # type: ignore[index]
        values = self._columns_of(self._score_array(array_of(texts), columns.explain), columns)
        result: Frame = with_columns(frame, texts, dict(zip([f.name for f in columns.fields], values, strict=True)))
        return result

    def score_batches(
        self,
        batches: Iterable[pa.RecordBatch],
        text_column: str | None = None,
        columns: ScoreColumns = _PLAIN,
        on_error: OnError = OnError.fail,
    ) -> Iterator[pa.RecordBatch]:
        """Each batch as `score_batch` gives it, one after the other: a stream of Arrow, or `mapInArrow` of Spark."""
        for batch in batches:
            yield self.score_batch(batch, text_column, columns, on_error)

    def score_batch(
        self,
        batch: pa.RecordBatch,
        text_column: str | None = None,
        columns: ScoreColumns = _PLAIN,
        on_error: OnError = OnError.fail,
    ) -> pa.RecordBatch:
        """`batch` with its columns untouched and the score columns after them.

        `text_column` may lead into structs, as in `review.text`; None looks for the usual names. Raises `InputError`
        when there is no such column, or, with `OnError.fail`, for a row whose text is not UTF-8.

        >>> batch = pa.RecordBatch.from_pydict({"id": [1, 2], "text": ["A fine film.", None]})
        >>> Scorer.open().score_batch(batch).schema.names
        ['id', 'text', 'sentiment_probability', 'sentiment']
        """
        path = find_text_column("the batch", batch.schema, text_column)
        scores = self.score_texts(*decode_texts(column_at(batch, path)), explain=columns.explain)
        if on_error is OnError.fail and scores.first_error is not None:
            raise InputError(f"row {scores.first_error + 1} of the batch: its text is not UTF-8")
        return self.append_scores(batch, scores, columns)

    def explain(self, texts: Iterable[str | None]) -> list[list[Word]]:
        """Every word of each text with its effect, in the order of the text; none of what the model does not read.

        >>> [words] = Scorer.open().explain(["A fine film."])
        >>> max(words, key=lambda word: word.effect).text
        'fine'
        """
        array = strings(texts)
        question = self._explainer.question(array, self._encoder.encode(array))
        return question.words(map(self.log_odds, question.batches))

    def score_texts(
        self,
        texts: pa.StringArray | pa.LargeStringArray,
        unreadable: NDArray[np.bool_] | None = None,
        *,
        explain: bool = False,
    ) -> Scores:
        """Score every text, each different one once; with `explain` also find the strongest ones.

        Rows that are `unreadable`, bool [rows], are not looked at and have the status `error`.
        """
        prepared = self.prepare(texts, unreadable, explain=explain)
        return prepared.scores(map(self.log_odds, prepared.batches))

    def prepare(
        self,
        texts: pa.StringArray | pa.LargeStringArray,
        unreadable: NDArray[np.bool_] | None = None,
        *,
        explain: bool = False,
    ) -> Prepared:
        """All of `score_texts` that comes before the network."""
        if unreadable is not None and unreadable.any():
            texts = pc.if_else(bools(unreadable), pa.scalar(None, texts.type), texts)
        distinct = texts.dictionary_encode(null_encoding="encode")
        places = integers_of(distinct.indices)
        ids = self._encoder.encode(distinct.dictionary)
        status = np.where(ids.truncated, Status.truncated, Status.ok).astype(np.uint8)
        status[ids.lengths == 0] = Status.empty
        status[bools_of(distinct.dictionary.is_null())] = Status.null
        status = status[places]
        if unreadable is not None:
            status[unreadable] = Status.error
        words = WordCounts(*self._encoder.count_words(ids))
        question = self._explainer.question(distinct.dictionary, ids, CANDIDATES) if explain else None
        return Prepared(list(plan_batches(ids, self._encoder.settings)), places, status, words, question)

    def log_odds(self, batch: Batch) -> NDArray[np.float64]:
        """Log-odds of positive of each row of a batch, float64 [batch]."""
        return self._network.log_odds(*batch.padded())

    def append_scores(self, batch: pa.RecordBatch, scores: Scores, columns: ScoreColumns) -> pa.RecordBatch:
        """`batch` with its columns untouched and the score columns after them."""
        values = self._columns_of(scores, columns)
        schema = scored_schema(batch.schema, columns)
        return pa.RecordBatch.from_arrays([*batch.columns, *values], schema=schema)

    def _score_array(self, texts: pa.Array, explain: bool = False) -> Scores:
        if not is_text(texts.type):
            raise InputError(f"texts are strings, not {texts.type}")
        scores = self.score_texts(*decode_texts(texts), explain=explain)
        if scores.first_error is not None:
            raise InputError(f"text {scores.first_error + 1} is not UTF-8")
        return scores

    def _columns_of(self, scores: Scores, columns: ScoreColumns) -> list[pa.Array]:
        unscored = scores.unscored
        values = [
            numbers(scores.probability, unscored),
            self._labels_of(scores.probability, unscored, columns.decision),
        ]
        if columns.explain and scores.strongest is not None:
            values.append(pc.if_else(bools(~unscored), scores.strongest, pa.nulls(1, scores.strongest.type)[0]))
        if columns.status:
            values.append(strings(status.name for status in Status).take(numbers(scores.status)))
        return values

    def _labels_of(
        self, probability: NDArray[np.float32], unscored: NDArray[np.bool_], decision: Decision
    ) -> pa.StringArray:
        verdicts = numbers(self.verdicts(probability, decision), unscored)
        return strings(decision.labels(self.sealed.card.labels)).take(verdicts)
