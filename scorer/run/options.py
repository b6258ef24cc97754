"""What a run is asked to do, and what it tells of it: options, progress, summary."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scorer.errors import InputError, OnError
from scorer.files.format import TEXT_FORMATS, CsvOptions, CsvTypes, Format, format_of, output_format, plain_name
from scorer.files.pipes import Stream
from scorer.files.places import Place, shown
from scorer.files.rebatching import WINDOW_ROWS
from scorer.model.sealed import SealedModel
from scorer.scores import ScoreColumns, Scores, Status, Verdict, WordCounts

__all__ = ["PART_ROWS", "EngineName", "OnProgress", "Progress", "RunOptions", "RunSummary"]


PART_ROWS = 1_000_000
"""About 80 seconds of one core: long beside what an output costs, short beside what its loss would."""


class EngineName(StrEnum):
    """Where the work is done."""

    local = "local"
    ray = "ray"


@dataclass(frozen=True)
class RunOptions:
    """What `scorer run` is asked to do."""

    input: Place
    output: Place
    more_inputs: tuple[Place, ...] = ()
    """Read after `input`; each may be a folder, or a pattern of names."""
    one_each: bool = False
    """The output is a folder, in which each input gets one of its own."""
    of_folder: bool = False
    """This is one of these; whoever gave the options keeps whose the outputs are."""
    union: bool = False
    """Of several inputs with different columns: an output has all of them, null where there is none."""
    keep_columns: tuple[str, ...] = ()
    """Which of the inputs' columns an output has, in this order; none named keeps all."""
    limit: int | None = None
    """How many rows are read, from the first one on; None reads all."""
    sample: int | None = None
    """How many rows are picked at random, in their order; None takes all."""
    seed: int = 0
    """Of the sample."""
    text_column: str | None = None
    """The column to score; None looks for the usual names."""
    input_format: Format | None = None
    """None goes by the extension, as for the output."""
    output_format: Format | None = None
    csv: CsvOptions = field(default_factory=CsvOptions)
    compression: str | None = None
    """Of a Parquet output, one of `CODECS`; None takes that of a Parquet input, else snappy."""
    columns: ScoreColumns = field(default_factory=ScoreColumns)
    on_error: OnError = OnError.fail
    force: bool = False
    """Replace an existing output."""
    skip_existing: bool = False
    """In a folder, leave the outputs that are there as they are."""
    workers: int | None = None
    """Threads that run the network; None takes every CPU that this process may use."""
    restart: bool = False
    """Forget what an interrupted run has finished."""
    keep_every: float = 1.0
    """Seconds between two times that finished work is put on disk."""
    window_rows: int = WINDOW_ROWS
    """Rows that are encoded and written at a time."""
    part_rows: int = PART_ROWS
    """In a folder of outputs, how many rows of a large input become one, about."""
    part: tuple[int, int] | None = None
    """Row groups of a Parquet input, bytes of JSON Lines: the first that is read, and the one after the last."""
    engine: EngineName = EngineName.local
    ray_address: str | None = None
    """Of the cluster; None takes the one that runs on this machine, or starts one there."""
    memory_limit: int | None = None
    """Bytes that each worker of a cluster may take; None gives it its part of what is free."""

    @property
    def inputs(self) -> tuple[Place, ...]:
        """All that is named as an input."""
        return (self.input, *self.more_inputs)

    @property
    def kind(self) -> Format:
        """Of the output; raises `InputError` for an extension that tells none, and for text to be compressed."""
        kind = output_format(shown(self.output), self.output_format or self._kind_of_stream())
        if self.compression and kind is not Format.parquet:
            raise InputError(f"{shown(self.output)}: --compression is for Parquet outputs; compress others afterwards")
        if self.csv.types is CsvTypes.infer and kind in TEXT_FORMATS:
            raise InputError(
                f"{shown(self.output)}: {kind} has no types of columns; --types infer is for .parquet and .arrow"
            )
        return kind

    def _kind_of_stream(self) -> Format | None:
        """Of an output that has no name to tell it: that of the input."""
        name = shown(self.input)
        if not isinstance(self.output, Stream):
            return None
        return self.input_format or format_of(plain_name(name), name, "--output-format")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is, in rows that are written."""

    rows: int
    total: int | None
    """Of the input; None where nobody knows, as of a pipe."""
    is_exact: bool
    """The format counts its rows; else `total` is what those that were read let expect of the others."""
    fraction: float
    """Share of the input's bytes, 0 to 1, that those rows were: a long review takes longer than a short one."""
    resumed: int
    """Of the written rows, those that an earlier attempt had scored."""
    scored: int
    """Of the written rows, those that have a probability."""
    positive: int
    """Of these, the positive ones."""
    units: int = 0
    """Outputs of a run that has several; the counts above are of all of them."""
    finished: int = 0
    failed: int = 0
    workers: int | None = None
    """Of a cluster, those that have a unit now; None where this process does the work."""
    lost: int = 0
    """Workers that ended over their work; it was given to others."""


OnProgress = Callable[[Progress], None]


@dataclass
class RunSummary:
    """What a job did; counts are rows."""

    input: str
    output: str
    model_sha256: str
    rows: int = 0
    scored: int = 0
    positive: int = 0
    unsure: int = 0
    """Neither, where a range of probabilities is called so."""
    truncated: int = 0
    empty: int = 0
    null: int = 0
    error: int = 0
    skipped: int = 0
    """Lines that were left out because they are no rows."""
    first_skipped: int | None = None
    """The number of the first of them."""
    skipped_in: str | None = None
    """The input in which that is, where there are several."""
    resumed: int = 0
    """Rows that an earlier attempt had scored before it was interrupted."""
    files: int = 1
    """Inputs that were read."""
    existing: int = 0
    """Outputs that were there already, and were left as they are; of their rows none is counted."""
    outputs: list["RunSummary"] = field(default_factory=list)
    """Of each output, if there are several."""
    verified: int = 0
    """Rows that were scored again, alone, without a difference."""
    kept_tokens: int = 0
    """Of a truncated text."""
    kept_end: str = ""
    """Of a truncated text: `head` or `tail`."""
    seconds: float = 0.0
    read_words: int = 0
    """Words and signs; those of texts that are alike count once."""
    unknown_words: int = 0
    """Those of them that the model does not know."""

    @classmethod
    def of_nothing(cls, options: RunOptions, sealed: SealedModel) -> "RunSummary":
        """A run that has not begun."""
        text = sealed.card.text
        names = ", ".join(map(shown, options.inputs)), shown(options.output)
        return cls(*names, sealed.sha256, kept_tokens=text.max_length, kept_end=text.keep)

    @property
    def positive_share(self) -> float:
        """Positive rows among the scored ones, 0 where there are none."""
        return self.positive / max(self.scored, 1)

    @property
    def word_counts(self) -> WordCounts:
        """Words, and which of them are unknown."""
        return WordCounts(self.read_words, self.unknown_words)

    @property
    def reviews_per_second(self) -> float:
        """Rows of this attempt, scored or not, per second from opening the input to the finished file."""
        return (self.rows - self.resumed) / max(self.seconds, 1e-9)

    def as_dict(self) -> dict[str, Any]:
        """All counts and rates, ready for JSON."""
        facts = asdict(self)
        facts["outputs"] = [one.output for one in self.outputs] or [self.output]
        return facts | {
            "positive_share": self.positive_share,
            "unknown_share": self.word_counts.unknown_share,
            "reviews_per_second": self.reviews_per_second,
        }

    def join(self, other: "RunSummary") -> None:
        """Count what another output's summary counts, too."""
        for name in (
            "rows",
            "scored",
            "positive",
            "unsure",
            "truncated",
            "empty",
            "null",
            "error",
            "skipped",
            "resumed",
            "files",
            "read_words",
            "unknown_words",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        if other.skipped and self.first_skipped is None:
            self.first_skipped, self.skipped_in = other.first_skipped, other.skipped_in or other.input
        self.outputs.append(other)

    def add(self, scores: Scores, verdicts: NDArray[np.int8], resumed: bool) -> None:
        """Count one window, and what its rows are called."""
        counts = np.bincount(scores.status, minlength=len(Status))
        self.rows += len(scores.status)
        self.resumed += resumed * len(scores.status)
        self.truncated += int(counts[Status.truncated])
        self.empty += int(counts[Status.empty])
        self.null += int(counts[Status.null])
        self.error += int(counts[Status.error])
        self.scored += int(counts[Status.ok] + counts[Status.truncated])
        self.positive += int((verdicts == Verdict.positive).sum())
        self.unsure += int((verdicts == Verdict.unsure).sum())
        self.read_words += scores.words.read
        self.unknown_words += scores.words.unknown
