"""`scorer run`: a file of reviews in, the same rows with their sentiment out."""

from __future__ import annotations

import sys
import warnings

from scorer.cli.arguments import (
    csv_input_arguments,
    csv_options,
    decision_arguments,
    decision_options,
    format_name,
    input_place,
    json_argument,
    model_argument,
    open_scorer,
    output_place,
    sign,
    value_list,
)
from scorer.cli.messages import Messages
from scorer.cli.tool import ArgumentParser, at_least, log_argument
from scorer.cli.unknown_words import warn_of_unknown_words
from scorer.errors import FileSystemWarning, GuessWarning, UsageError
from scorer.files.pipes import Stream
from scorer.system.terminal import printable, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from argparse import _ActionsContainer as ArgumentGroup
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from scorer.run.options import RunOptions, RunSummary
    from scorer.run.preview import Preview
    from scorer.scores import WordCounts
    from scorer.scoring import Scorer

__all__ = ["run", "run_arguments"]

_LOG_EVERY = 10.0
"""Seconds between two lines of a log that say how far a job is."""


def run_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer run`."""
    what = "Reviews: .parquet, .csv, .tsv, .jsonl or .arrow files, folders of them, patterns or URIs; their rows in "
    what += "this order. "
    what += "- for standard input: a pipe is read once, so that nothing is known of its length, --verify and --dry-run "
    what += "are refused, and to go on after an interruption the same bytes have to come again."
    parser.add_argument("input", metavar="INPUT", nargs="+", type=input_place, help=what)
    _input_arguments(parser.add_argument_group("Reading"))
    csv = parser.add_argument_group("Reading CSV")
    csv_input_arguments(csv)
    _types_argument(csv)
    _output_arguments(parser.add_argument_group("Writing"))
    _csv_output_arguments(parser.add_argument_group("Writing CSV"))
    decision_arguments(parser.add_argument_group("Deciding"))
    _work_arguments(parser.add_argument_group("Working"))


def _input_arguments(group: ArgumentGroup) -> None:
    from scorer.errors import OnError
    from scorer.files.format import Format

    add = group.add_argument
    usual = "text, review, content, comment, body, sentence, message and the like"
    add("--text-column", metavar="NAME", help=f"The column to score.  [default: {usual}]")
    add("--union", action="store_true", help="Inputs may differ in their columns: null stands where there is none.")
    add("--limit", metavar="N", type=at_least(1), help="Read the first N rows only.")
    picked = "Read N random rows only, in their order; each set of N is as likely as any other."
    add("--sample", metavar="N", type=at_least(1), help=picked)
    add("--seed", metavar="N", type=at_least(0), default=0, help="Of --sample.  [default: %(default)s]")
    named = "Of INPUT, whatever its name, or where it has none; csv.gz and the like too."
    add("--format", type=format_name, choices=[*(one.value for one in Format), "tsv"], help=named)
    add(
        "--on-error",
        choices=[one.value for one in OnError],
        default=OnError.fail.value,
        help="A row that is not text: stop and name it, or go on without its score.  [default: %(default)s]",
    )


def _types_argument(group: ArgumentGroup) -> None:
    from scorer.files.format import CsvOptions, CsvTypes

    found = "Of columns in Parquet and Arrow outputs: infer reads all rows first, and takes numbers, true and false, "
    found += "days and times where no cell loses anything.  [default: %(default)s]"
    group.add_argument("--types", choices=[one.value for one in CsvTypes], default=CsvOptions().types.value, help=found)


def _output_arguments(group: ArgumentGroup) -> None:
    from scorer.files.format import CODECS, Format

    add = group.add_argument
    where = (
        "Where to write the rows; a folder, by a / at its end, gets an output for each input; - is standard output, "
    )
    where += "in the format of INPUT, which holds what was written if a run fails, and is not gone on with.  [required]"
    add("--output", "-o", metavar="FILE", type=output_place, required=True, help=where)
    add("--output-format", choices=[one.value for one in Format], help="Of the output, whatever its name.")
    codec = "Codec of a Parquet output.  [default: that of a Parquet INPUT, else snappy]"
    add("--compression", choices=CODECS, metavar="CODEC", help=codec)
    kept = "Which columns of INPUT to write, in this order; that of the text may be left out.  [default: all]"
    add("--columns", dest="keep_columns", metavar="A,B", type=value_list, default=(), help=kept)
    add("--prefix", metavar="TEXT", default="", help="Put before the names of the new columns.")
    add("--status", action="store_true", help="Add a column: ok, truncated, empty, null or error.")
    add(
        "--explain",
        action="store_true",
        help="Add a column: the strongest words and their effects; 10 to 30 times the work.",
    )
    add("--force", action="store_true", help="Replace an existing output.")
    add(
        "--skip-existing",
        action="store_true",
        help="End well at once if the output is there; in folders, do the others.",
    )


def _csv_output_arguments(group: ArgumentGroup) -> None:
    from scorer.files.format import CsvOptions, OutputEncoding

    csv, add = CsvOptions(), group.add_argument
    add("--output-delimiter", metavar="C", type=sign, help="Between values, or tab.  [default: as that of INPUT]")
    add(
        "--output-encoding",
        choices=[one.value for one in OutputEncoding],
        default=csv.output_encoding.value,
        help="Excel knows UTF-8 by the mark of utf-8-sig.  [default: %(default)s]",
    )
    add("--escape-formulas", action="store_true", help="Put ' before text that begins like a formula.")


def _work_arguments(group: ArgumentGroup) -> None:
    from scorer.system.limits import memory_size

    add = group.add_argument
    model_argument(group)
    add("--workers", metavar="N", type=at_least(1), help="Parallel scorers.  [default: every usable CPU]")
    most = "Most memory to take, such as 4GB; a file that needs more is refused.  [default: 80%% of what is free]"
    add("--memory-limit", metavar="SIZE", type=memory_size, help=most)
    often = "How often finished work goes to disk.  [default: %(default)s]"
    add("--keep-every", metavar="SECONDS", type=at_least(0), default=1, help=often)
    add("--engine", choices=["local", "ray"], default="local", help="This machine, or a Ray cluster.  [default: local]")
    add("--ray-address", metavar="HOST:PORT", help="Of the cluster.  [default: the one here, else a new one]")
    cut = "In folders, cut Parquet and JSON Lines above 64 MB, about N rows an output.  [default: 1,000,000]"
    add("--part-rows", metavar="N", type=at_least(1), default=1_000_000, help=cut)
    add("--restart", action="store_true", help="Forget what an interrupted run of this output has finished.")
    add("--verify", metavar="N", type=at_least(0), default=0, help="Score N random rows again, one by one.")
    add(
        "--dry-run",
        action="store_true",
        help="Say what would be read and written, and how long it would take; no more.",
    )
    add("--quiet", "-q", action="store_true", help="Print nothing but errors.")
    log_argument(group)
    json_argument(group)


def run(
    *,
    model: Path | str | None,
    memory_limit: int | None,
    verify: int,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
    log_format: str | None,
    **given: Any,
) -> None:
    """Write every row of INPUT back with its sentiment.

    Example: scorer run reviews.parquet -o scored.parquet
    """
    from scorer.system.limits import limited_memory
    from scorer.system.process import return_freed_memory

    options = _run_options(memory_limit=memory_limit, **given)
    _refuse_of_pipes(options, verify=bool(verify), dry_run=dry_run)
    show = _Shown(quiet, as_json, log_format, to_stderr=options.output == Stream.output)
    if options.skip_existing and not options.one_each and _is_there(options):
        show.existing(options)
        return
    return_freed_memory()
    with limited_memory(None if options.engine == "ray" else memory_limit):  # there it is that of each worker
        scorer = open_scorer(model)
        if dry_run:
            show.preview(options, scorer)
            return
        show.model(scorer)
        try:
            summary = show.run(options, scorer)
        except BrokenPipeError as error:
            if error.filename != Stream.output:
                raise
            return  # whoever read it has enough
        if verify:
            from scorer.run.verification import verify_rows

            summary.verified = verify_rows(options, scorer, summary, verify)
    show.result(summary.as_dict(), _summary_lines(summary))
    show.doubts((one.input, one.word_counts) for one in summary.outputs or [summary])


class _Shown:
    """What is told of a run: to people, as a log, as JSON, or nothing but what goes wrong."""

    def __init__(self, quiet: bool, as_json: bool, log_format: str | None, *, to_stderr: bool) -> None:
        self._out = sys.stderr if to_stderr else sys.stdout
        self._as_json, self._silent = as_json, quiet or as_json or bool(log_format)
        self._messages = None if quiet else Messages("scorer", log_format, as_json)
        self._log = self._messages if log_format else None
        if quiet:
            warnings.simplefilter("ignore", FileSystemWarning)
            warnings.simplefilter("ignore", GuessWarning)

    def existing(self, options: RunOptions) -> None:
        """The output is there, and nothing has to be done."""
        from scorer.files.places import shown

        output = shown(options.output)
        facts = {"input": ", ".join(map(shown, options.inputs)), "output": output, "existing": True}
        self.result(facts, f"{printable(output)}: is there already, and stays as it is")

    def model(self, scorer: Scorer) -> None:
        """Which one scores."""
        line = _model_line(scorer)
        if self._log:
            self._log.info(line, model_sha256=scorer.sealed.sha256)
        if not self._silent:
            print(line, file=self._out)

    def run(self, options: RunOptions, scorer: Scorer) -> RunSummary:
        """Run the job, and show on stderr how far it is."""
        from scorer.run.job import run as run_job

        if self._silent and not self._log:
            return run_job(options, scorer)
        from scorer.cli.display import RunDisplay

        with RunDisplay(_LOG_EVERY, self._log.info) if self._log else RunDisplay() as display:
            return run_job(options, scorer, display)

    def result(self, facts: Mapping[str, Any], words: str) -> None:
        """What came of it."""
        if self._log:
            self._log.info(words, **facts)
        if self._as_json:
            import json

            print(json.dumps(facts), file=self._out)
        elif not self._silent:
            print(words, file=self._out)

    def preview(self, options: RunOptions, scorer: Scorer) -> None:
        """What a run would do."""
        from scorer.run.preview import preview

        found = preview(options, scorer)
        if self._as_json:
            import json

            print(json.dumps(found.as_dict()))
        else:
            print("\n".join(_preview_lines(found, _model_line(scorer))))
        self.doubts([(found.input, found.words)])

    def doubts(self, found: Iterable[tuple[str, WordCounts]]) -> None:
        """Inputs whose words are mostly unknown."""
        if self._messages:
            warn_of_unknown_words(self._messages, list(found))


def _refuse_of_pipes(options: RunOptions, **asked: bool) -> None:
    """Raise `UsageError` for what reads an input or an output again."""
    from scorer.files.pipes import is_pipe

    option = next((name for name in asked if asked[name]), "").replace("_", "-")
    if option and any(map(is_pipe, (*options.inputs, options.output))):
        raise UsageError(f"--{option}: reads again what a pipe gives once; name files")


def _is_there(options: RunOptions) -> bool:
    """The output."""
    from scorer.files.places import output_at

    return output_at(options.output).exists()


def _run_options(
    *,
    input: list[Path | str],
    output: tuple[Path | str, bool],
    format: str | None,
    output_format: str | None,
    prefix: str,
    status: bool,
    explain: bool,
    on_error: str,
    engine: str,
    **given: Any,
) -> RunOptions:
    """What the arguments ask for; those that are `given` besides are called as the options are."""
    from scorer.errors import OnError
    from scorer.files.format import Format
    from scorer.run.options import EngineName, RunOptions
    from scorer.scores import ScoreColumns

    place, one_each = output
    if format == "tsv":
        format, given["delimiter"] = "csv", given["delimiter"] or "\t"
    _refuse_together(one_each, given)
    return RunOptions(
        input[0],
        place,
        more_inputs=tuple(input[1:]),
        one_each=one_each,
        engine=EngineName(engine),
        input_format=Format(format) if format else None,
        output_format=Format(output_format) if output_format else None,
        csv=csv_options(given),
        columns=ScoreColumns(prefix, status, decision_options(given), explain),
        on_error=OnError(on_error),
        **given,
    )


def _refuse_together(one_each: bool, given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for options of which one makes nothing of the other."""
    if given["skip_existing"] and given["force"]:
        raise UsageError("--skip-existing: leaves the output that --force would replace; give one of them")
    if given["limit"] is not None and given["sample"] is not None:
        raise UsageError("--limit and --sample: give one of them")
    if given["seed"] and given["sample"] is None:
        raise UsageError("--seed: is that of --sample, which is not given")
    single = next((name for name in ("union", "limit", "sample") if given[name]), None)
    if one_each and single:
        raise UsageError(f"--{single}: is for a single output; name a file, without / at its end")


def _model_line(scorer: Scorer) -> str:
    return f"model: {printable(scorer.sealed.name)} ({scorer.sealed.sha256[:12]})"


def _preview_lines(found: Preview, model: str) -> Iterator[str]:
    sample, about = found.sample, "" if found.sample.is_exact else "about "
    size, unit = (found.input_bytes / 1e6, "MB") if found.input_bytes >= 1e6 else (found.input_bytes / 1e3, "kB")
    size_and_rows = f"{size:,.1f} {unit}, {about}{sample.total or sample.rows:,} rows"
    column = repr(printable(found.text_column))
    yield f"input: {printable(found.input)} ({found.input_format}, {size_and_rows}), text in column {column}"
    yield model
    yield f"output: {printable(found.output)} ({found.output_format}){', which it replaces' if found.replaces else ''}"
    for field in found.schema:
        new = "  (new)" if field.name in found.new_columns else ""
        yield f"  {shortened(printable(field.name))}: {shortened(str(field.type))}{new}"
    workers = f"{found.workers} worker{'s' if found.workers > 1 else ''}"
    took = f"the first {sample.rows:,} rows took {found.sample_seconds:.2f} s"
    yield f"time: about {found.seconds:,.1f} s with {workers}; {took}"
    yield f"nothing was written; of these rows {sample.positive / max(sample.scored, 1):.1%} are positive"


def _summary_lines(summary: RunSummary) -> str:
    counts = [f"{summary.unsure:,} unsure"] if summary.unsure else []
    counts += [f"{summary.null:,} null", f"{summary.empty:,} empty"]
    if summary.error:
        counts.append(f"{summary.error:,} unreadable")
    end = {"head": "first", "tail": "last"}[summary.kept_end]
    counts.append(f"{summary.truncated:,} truncated to the {end} {summary.kept_tokens:,} tokens")
    if summary.skipped:
        what = "line" if summary.skipped == 1 else "lines"
        where = f" of {printable(summary.skipped_in)}" if summary.skipped_in else ""
        counts.append(f"{summary.skipped:,} bad {what} skipped, the first is line {summary.first_skipped:,}{where}")
    if summary.existing:
        counts.append(f"{summary.existing:,} outputs were there already")
    if summary.resumed:
        counts.append(f"{summary.resumed:,} resumed")
    verified = f"; {summary.verified:,} rows scored again, one by one: no difference" if summary.verified else ""
    return (
        f"{printable(summary.output)}: {summary.rows:,} rows, {summary.positive_share:.1%} positive; "
        f"{', '.join(counts)}\n"
        f"{summary.seconds:.1f} s, {summary.reviews_per_second:,.0f} reviews/s{verified}"
    )
