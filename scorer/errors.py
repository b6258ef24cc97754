"""What can go wrong, as one tree, and what to do about a row that does.

SentimentScorerError            one clear line for the user, exit code 1
├── UsageError                  an option's value cannot be, exit code 2
├── InputError                  a file of reviews cannot be read or written as asked
│   └── ReadOnceError           a pipe would have to be read again
├── OutputError                 the output's place is taken
│   └── BusyOutputError         by another run, for as long as that lives
├── VerificationError           a finished output does not hold what its texts score
├── ModelError                  a sealed model is missing, altered or not ours
├── trainer.errors.TrainerError data, recipe or checkpoint of a fit
└── exporter.errors.ExportError the graph differs from the network, or cannot be pushed

FileSystemWarning               a promise that a file system cannot keep; the work goes on
GuessWarning                    how an input is read that does not say it; the work goes on
"""

from enum import StrEnum

__all__ = [
    "BusyOutputError",
    "FileSystemWarning",
    "GuessWarning",
    "InputError",
    "ModelError",
    "OnError",
    "OutputError",
    "ReadOnceError",
    "SentimentScorerError",
    "UsageError",
    "VerificationError",
]


class SentimentScorerError(Exception):
    """Base of every error that a command reports as one line; its text says what to do."""


class UsageError(SentimentScorerError):
    """The command line itself is wrong; exit code 2."""


class InputError(SentimentScorerError):
    """A file of reviews cannot be read, or its result not be written, as asked."""


class ReadOnceError(InputError):
    """What came through a pipe is gone, and cannot be read again."""


class OutputError(SentimentScorerError):
    """The output exists, or a run that was interrupted there was another one."""


class BusyOutputError(OutputError):
    """Another run is writing the output."""


class VerificationError(SentimentScorerError):
    """A row of a finished output says something else than its text scored alone."""


class ModelError(SentimentScorerError):
    """A sealed model is missing, altered, or was not made by `exporter to-onnx`."""


class FileSystemWarning(UserWarning):
    """The file system lacks what a promise needs: the work goes on without it, and the text says what is lost."""


class GuessWarning(UserWarning):
    """How an input is read is told by its first bytes alone; the text says what was seen, and how to say otherwise."""


class OnError(StrEnum):
    """What to do about a row that cannot be read as text."""

    fail = "fail"
    """Stop and name it."""
    null = "null"
    """Give it no score and the status `error`, and go on."""
