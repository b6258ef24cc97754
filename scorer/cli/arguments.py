"""What several commands share: the options `--model` and `--json`, those of a CSV input, and opening the model."""

from __future__ import annotations

from scorer.files.pipes import Stream

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from argparse import _ActionsContainer as ArgumentGroup  # a parser is one too
    from pathlib import Path
    from typing import Any

    from scorer.files.format import CsvOptions
    from scorer.scores import Decision
    from scorer.scoring import Scorer

__all__ = [
    "csv_input_arguments",
    "csv_options",
    "decision_arguments",
    "decision_options",
    "file_path",
    "format_name",
    "input_place",
    "json_argument",
    "labels_argument",
    "language_argument",
    "model_argument",
    "model_name",
    "open_scorer",
    "output_place",
    "share",
    "sign",
    "value_list",
]


_STANDARD_INPUT = {"-", "/dev/stdin", "/dev/fd/0"}
_STANDARD_OUTPUT = {"-", "/dev/stdout", "/dev/fd/1"}


def input_place(text: str) -> Path | str:
    """A file or folder of this machine as a path, a URI as it is, standard input for `-`."""
    if text in _STANDARD_INPUT:
        return Stream.input
    return text if "://" in text else file_path(text.rstrip("/") or text)


def output_place(text: str) -> tuple[Path | str, bool]:
    """The place of an output, standard output for `-`, and whether it is a folder for several."""
    if text in _STANDARD_OUTPUT:
        return Stream.output, False
    return input_place(text), text.endswith("/")


def format_name(text: str) -> str:
    """A format without the ending of a compression, which is known by its first bytes: `csv.gz` is `csv`."""
    from scorer.files.format import plain_name

    return plain_name(text)


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


def model_name(text: str) -> Path | str:
    """A sealed model as a path, or as it is where it lies on the Hugging Face hub."""
    return text if text.startswith("hf://") else file_path(text)


def model_argument(group: ArgumentGroup) -> None:
    """Add `--model`."""
    group.add_argument(
        "--model",
        "-m",
        metavar="FILE",
        type=model_name,
        help="A sealed model, hf://OWNER/NAME for one of the Hugging Face hub, or `default` for the embedded one. "
        "Without it: $SCORER_MODEL, else ./best.onnx if there, else the embedded default.",
    )


def json_argument(group: ArgumentGroup) -> None:
    """Add `--json`."""
    group.add_argument(
        "--json", dest="as_json", action="store_true", help="Print one JSON object for machines, and nothing else."
    )


def labels_argument(group: ArgumentGroup) -> None:
    """Add `--labels`."""
    read = "What labels mean, as in good=1,bad=0,fair=-; 0/1, words and stars (1–2, 4–5) are known."
    group.add_argument("--labels", metavar="VALUE=1,…", help=read)


def language_argument(group: ArgumentGroup, default: str) -> None:
    """Add `--language`; `default` says what holds without it."""
    stated = f"Languages of the reviews for the model's card, as ISO 639 codes: en, or en,de.  [default: {default}]"
    group.add_argument("--language", metavar="CODE,…", dest="languages", type=_language_codes, default=(), help=stated)


def _language_codes(text: str) -> tuple[str, ...]:
    from argparse import ArgumentTypeError
    from re import fullmatch

    codes = tuple(code.strip() for code in text.split(","))
    if not all(fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]+)*", code) for code in codes):
        raise ArgumentTypeError(f"{text!r} is no list of ISO 639 codes, such as en or en,de")
    return codes


def csv_input_arguments(group: ArgumentGroup) -> None:
    """Add the options that say how a CSV input is spelled."""
    from scorer.files.format import BadLines, CsvOptions

    csv, add = CsvOptions(), group.add_argument
    by_name = "Between values, or tab.  [default: tab for .tsv, .tab and .txt, else a comma, or as its rows say]"
    add("--delimiter", metavar="C", type=sign, help=by_name)
    add("--encoding", metavar="NAME", help="[default: utf-8, or what the first block clearly speaks for]")
    add("--quote", metavar="C", type=sign, default=csv.quote, help="Around values, or none.  [default: %(default)s]")
    escaped = "Makes a character of a quote or delimiter after it, such as \\.  [default: none, quotes are doubled]"
    add("--escape", metavar="C", type=sign, default=csv.escape, help=escaped)
    numbered = "The first line is a row: columns are called 1, 2, 3 and so on, and a CSV output has no header either."
    add("--no-header", dest="header", action="store_false", help=numbered)
    no_value = "Values that mean that there is none, such as NULL,NA,\\N.  [default: none]"
    add("--null-values", metavar="A,B", type=value_list, default=csv.null_values, help=no_value)
    add(
        "--bad-lines",
        choices=[one.value for one in BadLines],
        default=csv.bad_lines.value,
        help="Rows of too many or too few values: stop and name the first, or leave them out.  [default: %(default)s]",
    )


def csv_options(given: dict[str, Any]) -> CsvOptions:
    """The options of CSV, taken out of what was `given`; those that a command does not have keep their defaults."""
    from dataclasses import fields

    from scorer.files.format import BadLines, CsvOptions, CsvTypes, OutputEncoding

    found: dict[str, Any] = {one.name: given.pop(one.name) for one in fields(CsvOptions) if one.name in given}
    for name, kind in {"bad_lines": BadLines, "types": CsvTypes, "output_encoding": OutputEncoding}.items():
        if name in found:
            found[name] = kind(found[name])
    return CsvOptions(**found)


def share(text: str) -> float:
    """A number from 0 to 1; an error of `argparse` for others."""
    from argparse import ArgumentTypeError

    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def decision_arguments(group: ArgumentGroup) -> None:
    """Add the options that say what a probability is called."""
    add = group.add_argument
    add("--threshold", metavar="P", type=share, help="Least probability called positive.  [default: the model's]")
    between = "Call what is from LOW on and below HIGH `unsure`, as in 0.4:0.6."
    add("--unsure", metavar="LOW:HIGH", type=_share_range, help=between)
    add("--positive-label", metavar="TEXT", help="What to call it.  [default: the model's, positive]")
    add("--negative-label", metavar="TEXT", help="Likewise.  [default: the model's, negative]")


def decision_options(given: dict[str, Any]) -> Decision:
    """What the options of `decision_arguments` say, taken out of what was `given`; raises `UsageError`."""
    from dataclasses import fields

    from scorer.scores import Decision

    return Decision(**{one.name: given.pop(one.name) for one in fields(Decision)})


def _share_range(text: str) -> tuple[float, float]:
    from argparse import ArgumentTypeError

    low, colon, high = text.partition(":")
    if not colon:
        raise ArgumentTypeError(f"{text!r} is no range; name two probabilities, as in 0.4:0.6")
    return share(low), share(high)


def sign(spelled: str) -> str | None:
    """A character as the command line has it."""
    return {"tab": "\t", "\\t": "\t", "none": None}.get(spelled, spelled)


def value_list(listed: str) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(listed.split(","))


def open_scorer(name: Path | str | None) -> Scorer:
    """The model that `name` names, or the one that `find_model` finds, as quickly as can be; raises `ModelError`."""
    from scorer.system.process import made_to_stay

    with made_to_stay():
        from scorer.model.network import open_model

        loading = open_model(name)
        from scorer.scoring import Scorer  # pyarrow and tokenizers are imported while the network loads

        return Scorer(*loading)
