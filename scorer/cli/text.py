"""`scorer text`: a few texts, given as arguments or on standard input."""

from __future__ import annotations

import sys

from scorer.cli.arguments import json_argument, model_argument, open_scorer
from scorer.cli.tool import ArgumentParser
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from collections.abc import Iterator
    from pathlib import Path

    from scorer.scoring import Scorer

__all__ = ["text", "text_arguments"]


def text_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer text`."""
    parser.add_argument("texts", metavar="TEXT", nargs="*", help="Texts to score; none: one per line of stdin.")
    model_argument(parser)
    json_argument(parser)


def text(*, texts: list[str], model: Path | None, as_json: bool) -> None:
    """Print the probability and the label of each TEXT.

    Example: scorer text "This movie was absolutely fantastic! I loved it."
    """
    from scorer.system.limits import limited_memory

    with limited_memory():
        scorer = open_scorer(model)
        if texts:
            _print_scores(scorer, texts, as_json)
        else:
            for line in _lines_of_stdin():
                _print_scores(scorer, [line], as_json)


def _lines_of_stdin() -> Iterator[str]:
    from scorer.errors import InputError

    try:
        yield from (line.rstrip("\n") for line in sys.stdin)
    except UnicodeDecodeError:
        raise InputError("a line is not text in this terminal's encoding") from None


def _print_scores(scorer: Scorer, texts: list[str], as_json: bool) -> None:
    import json

    from scorer.arrow.arrays import strings
    from scorer.errors import InputError

    try:
        column = strings(texts)
    except UnicodeEncodeError:  # how Python hands over arguments whose bytes are not text
        raise InputError("a TEXT is not text in this terminal's encoding") from None
    probabilities = scorer.score(column)
    labels = scorer.labels(probabilities).to_pylist()
    for one, probability, label in zip(texts, probabilities.to_pylist(), labels, strict=True):
        if as_json:
            line = {"text": one, "sentiment_probability": probability, "sentiment": label}
            print(json.dumps(line, ensure_ascii=False))
        elif probability is None:
            print("  -       (no text)", flush=True)
        else:
            print(f"{probability:.4f}  {label:<8}  {printable(one)}", flush=True)
