"""The `scorer` command.

scorer run reviews.parquet -o scored.parquet
scorer run reviews.csv -o scored.parquet --text-column body --status
scorer text "This movie was absolutely fantastic! I loved it."
scorer inspect best.onnx
"""

from __future__ import annotations

import os
import sys

from scorer import __version__
from scorer.cli.tool import ArgumentParser, Tool, at_least
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from argparse import _ActionsContainer as ArgumentGroup  # a parser is one too
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

    from scorer.run.job import Progress, RunOptions, RunSummary
    from scorer.scoring import Scorer

# numpy multiplies once, while a model is loaded; a thread for every core would spin long after.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

main = Tool("scorer", "Turn text reviews into sentiment probabilities, in bulk, on plain CPUs.", __version__)


def _model_argument(group: ArgumentGroup) -> None:
    from pathlib import Path

    group.add_argument(
        "--model",
        "-m",
        metavar="FILE",
        type=Path,
        help="A sealed model. Without it: $SCORER_MODEL, else ./best.onnx if there, else the embedded default.",
    )


def _json_argument(group: ArgumentGroup) -> None:
    group.add_argument(
        "--json", dest="as_json", action="store_true", help="Print one JSON object for machines, and nothing else."
    )


def _run_arguments(parser: ArgumentParser) -> None:
    from pathlib import Path

    parser.add_argument("input", metavar="INPUT", type=Path, help="Reviews: a .parquet, .csv or .jsonl file.")
    _input_arguments(parser.add_argument_group("Reading"))
    _output_arguments(parser.add_argument_group("Writing"))
    _work_arguments(parser.add_argument_group("Working"))


def _input_arguments(group: ArgumentGroup) -> None:
    from scorer.files.format import CsvOptions, Format, OnError

    csv, add = CsvOptions(), group.add_argument
    usual = "text, review, review_text, content, comment or body"
    add("--text-column", metavar="NAME", help=f"The column to score.  [default: {usual}]")
    add("--format", choices=[one.value for one in Format], help="Of INPUT, whatever its name.")
    add("--delimiter", metavar="C", default=csv.delimiter, help="Between values of a CSV line.  [default: %(default)s]")
    of_csv = "Of a CSV input; outputs are UTF-8.  [default: %(default)s]"
    add("--encoding", metavar="NAME", default=csv.encoding, help=of_csv)
    add(
        "--on-error",
        choices=[one.value for one in OnError],
        default=OnError.fail.value,
        help="A row that is not text: stop and name it, or go on without its score.  [default: %(default)s]",
    )


def _output_arguments(group: ArgumentGroup) -> None:
    from pathlib import Path

    from scorer.files.format import Format

    add = group.add_argument
    add("--output", "-o", metavar="FILE", type=Path, required=True, help="Where to write the rows.  [required]")
    add("--output-format", choices=[one.value for one in Format], help="Of the output, whatever its name.")
    add("--prefix", metavar="TEXT", default="", help="Put before the names of the new columns.")
    add("--status", action="store_true", help="Add a column: ok, truncated, empty, null or error.")
    add("--escape-formulas", action="store_true", help="In CSV outputs, put ' before text that begins like a formula.")
    add("--force", action="store_true", help="Replace an existing output.")


def _work_arguments(group: ArgumentGroup) -> None:
    from scorer.system.limits import memory_size

    add = group.add_argument
    _model_argument(group)
    add("--workers", metavar="N", type=at_least(1), help="Parallel scorers.  [default: every usable CPU]")
    most = "Most memory to take, such as 4GB; a file that needs more is refused.  [default: 80%% of what is free]"
    add("--memory-limit", metavar="SIZE", type=memory_size, help=most)
    often = "How often finished work goes to disk.  [default: %(default)s]"
    add("--keep-every", metavar="SECONDS", type=at_least(0), default=1, help=often)
    add("--restart", action="store_true", help="Forget what an interrupted run of this output has finished.")
    add("--verify", metavar="N", type=at_least(0), default=0, help="Score N random rows again, one by one.")
    add("--quiet", "-q", action="store_true", help="Print nothing but errors.")
    _json_argument(group)


@main.command("run INPUT -o FILE", _run_arguments)
def run_(
    *, model: Path | None, memory_limit: int | None, verify: int, quiet: bool, as_json: bool, **given: Any
) -> None:
    """Write every row of INPUT back with its sentiment.

    Example: scorer run reviews.parquet -o scored.parquet
    """
    from scorer.system.allocator import return_freed_memory
    from scorer.system.limits import limited_memory

    options, silent = _run_options(**given), quiet or as_json
    return_freed_memory()
    with limited_memory(memory_limit):
        scorer = _open_scorer(model)
        if not silent:
            print(_model_line(scorer))
        summary = _run_with_bar(options, scorer, visible=not silent)
        if verify:
            from scorer.run.verification import verify_rows

            summary.verified = verify_rows(options, scorer, summary, verify)
    if as_json:
        import json

        print(json.dumps(summary.as_dict()))
    elif not quiet:
        print(_summary_lines(summary))


def _run_options(
    *,
    format: str | None,
    output_format: str | None,
    delimiter: str,
    encoding: str,
    escape_formulas: bool,
    prefix: str,
    status: bool,
    on_error: str,
    **same: Any,
) -> RunOptions:
    """What the arguments ask for; `same` are those that are called as the options are."""
    from scorer.files.format import CsvOptions, Format, OnError
    from scorer.run.job import RunOptions
    from scorer.scoring import ScoreColumns

    return RunOptions(
        input_format=Format(format) if format else None,
        output_format=Format(output_format) if output_format else None,
        csv=CsvOptions(delimiter, encoding, escape_formulas),
        columns=ScoreColumns(prefix, status),
        on_error=OnError(on_error),
        **same,
    )


def _text_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("texts", metavar="TEXT", nargs="*", help="Texts to score; none: one per line of stdin.")
    _model_argument(parser)
    _json_argument(parser)


@main.command("text [TEXT ...]", _text_arguments)
def text(*, texts: list[str], model: Path | None, as_json: bool) -> None:
    """Print the probability and the label of each TEXT.

    Example: scorer text "This movie was absolutely fantastic! I loved it."
    """
    from scorer.system.limits import limited_memory

    with limited_memory():
        scorer = _open_scorer(model)
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


def _inspect_arguments(parser: ArgumentParser) -> None:
    from pathlib import Path

    parser.add_argument("model", metavar="MODEL", type=Path, help="A sealed model.")
    _json_argument(parser)


@main.command("inspect MODEL", _inspect_arguments)
def inspect(*, model: Path, as_json: bool) -> None:
    """Verify a sealed MODEL and print its card.

    Example: scorer inspect best.onnx
    """
    from rich import print_json

    from scorer.model.sealed import read_sealed
    from scorer.system.limits import limited_memory

    with limited_memory():
        sealed = read_sealed(model)
    if as_json:
        print(sealed.card.to_json())
    else:
        size = f"{len(sealed.content) / 1e6:.2f} MB"
        print(f"{printable(str(model))}: sealed and unaltered, {size}, sha256 {sealed.sha256}")
        print_json(sealed.card.to_json())


def _open_scorer(path: Path | None) -> Scorer:
    from scorer.system.process import made_to_stay

    with made_to_stay():
        from scorer.model.network import open_model

        loading = open_model(path)
        from scorer.scoring import Scorer  # pyarrow and tokenizers are imported while the network loads

        return Scorer(*loading)


def _model_line(scorer: Scorer) -> str:
    from scorer.model.network import EMBEDDED_MODEL

    path = scorer.sealed.path
    name = "the embedded default" if path == EMBEDDED_MODEL else printable(str(path))
    return f"model: {name} ({scorer.sealed.sha256[:12]})"


def _run_with_bar(options: RunOptions, scorer: Scorer, *, visible: bool) -> RunSummary:
    """Run the job; on a terminal, and if `visible`, with a progress bar on stderr."""
    from rich.console import Console

    from scorer.run.job import run

    console = Console(stderr=True)
    if not (visible and console.is_terminal):
        return run(options, scorer)
    from rich import progress

    bar = progress.Progress(
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        "{task.fields[rows]:,} reviews",
        "{task.fields[rate]:,.0f}/s",
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=1.0, rows=0, rate=0.0)

        def show(done: Progress) -> None:
            rate = done.rows / max(bar.tasks[task].elapsed or 0, 1e-3)
            bar.update(task, completed=done.fraction, rows=done.rows, rate=rate)

        return run(options, scorer, show)


def _summary_lines(summary: RunSummary) -> str:
    counts = [f"{summary.null:,} null", f"{summary.empty:,} empty"]
    if summary.error:
        counts.append(f"{summary.error:,} unreadable")
    end = {"head": "first", "tail": "last"}[summary.kept_end]
    counts.append(f"{summary.truncated:,} truncated to the {end} {summary.kept_tokens:,} tokens")
    if summary.resumed:
        counts.append(f"{summary.resumed:,} resumed")
    verified = f"; {summary.verified:,} rows scored again, one by one: no difference" if summary.verified else ""
    return (
        f"{printable(summary.output)}: {summary.rows:,} rows, {summary.positive_share:.1%} positive; "
        f"{', '.join(counts)}\n"
        f"{summary.seconds:.1f} s, {summary.reviews_per_second:,.0f} reviews/s{verified}"
    )


def _print_scores(scorer: Scorer, texts: list[str], as_json: bool) -> None:
    import json

    from scorer.arrow.arrays import strings
    from scorer.errors import InputError

    try:
        column = strings(texts)
    except UnicodeEncodeError:  # how Python hands over arguments whose bytes are not text
        raise InputError("a TEXT is not text in this terminal's encoding") from None
    scores = scorer.score(column)
    labels = scorer.labels(scores).to_pylist()
    for one, probability, label in zip(texts, scores.probability.tolist(), labels, strict=True):
        known = None if label is None else probability
        if as_json:
            print(json.dumps({"text": one, "sentiment_probability": known, "sentiment": label}, ensure_ascii=False))
        else:
            print("  -       (no text)" if known is None else f"{known:.4f}  {label:<8}  {printable(one)}", flush=True)


if __name__ == "__main__":
    main()
