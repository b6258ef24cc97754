"""`scorer text`: a few texts, given as arguments or on standard input."""

from __future__ import annotations

import sys
from io import TextIOWrapper

from scorer.cli.arguments import decision_arguments, decision_options, json_argument, model_argument, open_scorer
from scorer.cli.messages import Messages
from scorer.cli.streams import nobody_reads
from scorer.cli.tool import ArgumentParser
from scorer.cli.unknown_words import warn_of_unknown_words
from scorer.errors import InputError, UsageError
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

    from scorer.scores import Decision, WordCounts
    from scorer.scoring import Scorer

__all__ = ["text", "text_arguments"]


def text_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer text`."""
    parser.add_argument("texts", metavar="TEXT", nargs="*", help="Texts to score; none, or -: one per line of stdin.")
    parser.add_argument("--explain", action="store_true", help="Show what each word does to the score.")
    decision_arguments(parser)
    model_argument(parser)
    json_argument(parser)


def text(*, texts: list[str], model: Path | str | None, explain: bool, as_json: bool, **given: Any) -> None:
    """Print the probability and the label of each TEXT.

    Example: scorer text "This movie was absolutely fantastic! I loved it."
    """
    from scorer.scores import WordCounts
    from scorer.system.limits import limited_memory

    decision, words = decision_options(given), WordCounts()
    is_stdin = texts in ([], ["-"])
    named = _lines_of_stdin() if is_stdin else _numbered("TEXT", texts)
    with limited_memory():
        scorer = open_scorer(model)
        for one in named:
            words += _print_score(scorer, one, decision, explain, as_json)
            if nobody_reads():
                return
    warn_of_unknown_words(Messages("scorer", as_json=as_json), [("standard input" if is_stdin else "TEXT", words)])


def _lines_of_stdin() -> Iterator[str]:
    if sys.stdin is None:
        raise UsageError("no TEXT is given and standard input is closed; see scorer text --help")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
    return _numbered("standard input, line", sys.stdin)


def _numbered(name: str, texts: Iterable[str]) -> Iterator[str]:
    """Each text without what programs put around it: a byte order mark, and the end of its line."""
    for number, one in enumerate(texts, 1):
        plain = one.removeprefix("\ufeff").rstrip("\r\n")
        try:
            plain.encode()
        except UnicodeEncodeError:  # bytes that are not text, as Python hands them over
            raise InputError(f"{name} {number}: is not text in this terminal's encoding") from None
        yield plain


def _print_score(scorer: Scorer, one: str, decision: Decision, explain: bool, as_json: bool) -> WordCounts:
    """Print what is said of a text, and count its words."""
    import json

    from scorer.arrow.arrays import numbers, strings

    scores = scorer.score_texts(strings([one]))
    probabilities = numbers(scores.probability, scores.unscored)
    probability, label = probabilities[0].as_py(), scorer.labels(probabilities, decision)[0].as_py()
    words = scorer.explain([one])[0] if explain else []
    labels = decision.labels(scorer.sealed.card.labels)
    if as_json:
        line = {"text": one, "sentiment_probability": probability, "sentiment": label}
        line |= {"words": [word.as_dict() for word in words]} if explain else {}
        print(json.dumps(line, ensure_ascii=False), flush=True)
    elif probability is None:
        print("  -       (no text)", flush=True)
    else:
        start = f"{probability:.4f}  {printable(label):<{max(map(len, labels))}}  "
        if explain:
            from scorer.cli.explanation import print_explained

            print_explained(start, one, words, (labels[0], labels[1]))
        else:
            print(f"{start}{printable(one)}", flush=True)
    return scores.words
