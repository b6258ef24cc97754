"""What several commands share: the options `--model` and `--json`, and opening the model."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from argparse import _ActionsContainer as ArgumentGroup  # a parser is one too
    from pathlib import Path

    from scorer.scoring import Scorer

__all__ = ["file_path", "json_argument", "model_argument", "open_scorer"]


def file_path(text: str) -> Path:
    """A file of this machine; an error of `argparse` for what only other programs take for one."""
    from argparse import ArgumentTypeError
    from pathlib import Path

    if "://" in text:
        raise ArgumentTypeError(f"{text!r} is an address; only files of this machine are read and written")
    if text == "-":
        raise ArgumentTypeError("'-' is no file; name one, or ./- if that is its name")
    if text.endswith("/"):
        raise ArgumentTypeError(f"{text!r} is a folder; name a file in it")
    return Path(text)


def model_argument(group: ArgumentGroup) -> None:
    """Add `--model`."""
    group.add_argument(
        "--model",
        "-m",
        metavar="FILE",
        type=file_path,
        help="A sealed model, or `default` for the embedded one. Without it: $SCORER_MODEL, else ./best.onnx if there, "
        "else the embedded default.",
    )


def json_argument(group: ArgumentGroup) -> None:
    """Add `--json`."""
    group.add_argument(
        "--json", dest="as_json", action="store_true", help="Print one JSON object for machines, and nothing else."
    )


def open_scorer(path: Path | None) -> Scorer:
    """The model at `path`, or the one that `find_model` finds, as quickly as can be; raises `ModelError`."""
    from scorer.system.process import made_to_stay

    with made_to_stay():
        from scorer.model.network import open_model

        loading = open_model(path)
        from scorer.scoring import Scorer  # pyarrow and tokenizers are imported while the network loads

        return Scorer(*loading)
