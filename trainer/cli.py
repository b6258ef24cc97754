"""The `trainer` command.

trainer fit --data folder-of-reviews
trainer fit --recipe distilled --data folder-of-reviews
trainer fit --recipe distilled --data films.parquet --data hotels.parquet --teacher folder-of-a-transformer
trainer fit --recipe tutorial --data imdb
trainer evaluate best.pth --data folder-of-reviews --split test
trainer compare first.run second.run
"""

from __future__ import annotations

import json
from argparse import SUPPRESS, ArgumentTypeError
from dataclasses import replace
from pathlib import Path

from scorer import __version__
from scorer.cli.arguments import (
    csv_input_arguments,
    csv_options,
    file_path,
    json_argument,
    labels_argument,
    language_argument,
)
from scorer.cli.messages import Messages
from scorer.cli.tool import (
    ArgumentParser,
    BooleanOptionalAction,
    Tool,
    UsageError,
    at_least,
    log_argument,
    needs_extra,
)
from scorer.system.nearest import did_you_mean
from scorer.system.terminal import printable, shortened
from trainer.errors import memory_told
from trainer.recipes import FEW_REVIEWS, NETWORK_VALUES, RECIPES, Recipe, Teachers
from trainer.values import Option, options_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # torch and its kin take seconds to import, --help should not
    from argparse import _ArgumentGroup
    from typing import Any

    from trainer.data.reviews import DataOptions
    from trainer.fitting import FitOptions, FitResult
    from trainer.learning.display import FitDisplay

_OPTIONS = {Recipe: "Values of the recipe", Teachers: "Teachers, in recipes default and distilled"}

main = Tool("trainer", "Fit an LSTM sentiment classifier to labelled reviews.", __version__)


def _data_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        action="append",
        metavar="DATA",
        help="A file or folder of reviews, or the id of a Hugging Face dataset; repeat it for several sources."
        "  [default: imdb]",
    )
    add("--text-column", metavar="NAME", help="The column of reviews.  [default: the usual names]")
    add("--label-column", metavar="NAME", help="The column of labels.  [default: label, sentiment, stars, rating, …]")
    labels_argument(parser)
    add(
        "--source-column", metavar="NAME", help="That of sources.  [default: source, if there; else each --data is one]"
    )
    add("--subset", metavar="NAME", help="Which configuration of a Hugging Face dataset, such as sst2 of glue.")
    csv_input_arguments(parser.add_argument_group("Reading CSV"))


def _fit_arguments(parser: ArgumentParser) -> None:
    _data_arguments(parser)
    add = parser.add_argument
    add("--recipe", metavar="NAME", default="default", help="default, distilled or tutorial.  [default: %(default)s]")
    add(
        "--start",
        metavar="default|none|FILE",
        help="Go on from the embedded model, or from that of a .pth or .onnx file; its words are kept, those of the"
        f" reviews added.  [default: default below {FEW_REVIEWS:,} reviews, in recipe default]",
    )
    add(
        "--output",
        "-o",
        metavar="FILE",
        type=file_path,
        default=Path("best.pth"),
        help="The checkpoint; its run folder lies beside it.  [default: %(default)s]",
    )
    language_argument(parser, "what they look like")
    same = "Same seed, same machine: same numbers.  [default: 0]"
    add("--seed", metavar="N", type=at_least(0, 2**32 - 1), default=0, help=same)
    add("--tensorboard", metavar="DIR", type=Path, help="Write the figures of all epochs for TensorBoard as well.")
    add("--resume", action="store_true", help="Continue an interrupted fit, or, with more --epochs, a finished one.")
    add("--force", action="store_true", help="Replace an existing checkpoint.")
    log_argument(parser)
    json_argument(parser)
    for kind, title in _OPTIONS.items():
        group = parser.add_argument_group(title, "Each defaults to the recipe's.")
        for option in options_of(kind):
            _add_option(group, option)


def _add_option(group: _ArgumentGroup, option: Option) -> None:
    """An option of a recipe's value, absent from what was parsed unless it is given."""
    if option.kind is bool:
        group.add_argument(option.flag, action=BooleanOptionalAction, default=SUPPRESS, help=option.value.help)
        return

    def parse(text: str) -> object:
        try:
            return option.parse(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error

    group.add_argument(option.flag, metavar=option.metavar, type=parse, default=SUPPRESS, help=option.value.help)


@main.command("fit", _fit_arguments)
def fit_(
    *,
    data: list[str] | None,
    recipe: str,
    start: str | None,
    output: Path,
    languages: tuple[str, ...],
    seed: int,
    resume: bool,
    force: bool,
    tensorboard: Path | None,
    log_format: str | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Fit a network to the train split of DATA and save its best epoch.

    Example: trainer fit --data my-reviews -o best.pth
    """
    source = _source(data, given)
    chosen, for_few = _choose_recipes(recipe, start, given)
    with needs_extra("trainer"):
        from trainer.fitting import FitOptions, describe_result, fit
        from trainer.learning.display import FitDisplay
        from trainer.resuming import has_finished_an_epoch

    options = FitOptions(source, chosen, output, seed, resume, force, for_few=for_few, languages=languages)
    options = replace(options, sentences_wanted="sentence_copies" in given)
    # Without a log it tells nothing, as a command does that prints one JSON object and nothing else.
    say = Messages("trainer", log_format).info if log_format or as_json else print
    try:
        with memory_told(), FitDisplay(None if say is print else say) as display:
            result = fit(options, display) if tensorboard is None else _fit_watched(options, display, tensorboard)
    except KeyboardInterrupt:
        begun = has_finished_an_epoch(output)
        kept = f"{printable(str(output))} holds the best epoch so far" if begun else "no epoch was finished"
        say(f"interrupted: {kept}; continue with --resume")
        raise
    for line in describe_result(result):
        say(printable(line))
    if as_json:
        print(json.dumps(result.as_dict()))


def _fit_watched(options: FitOptions, display: FitDisplay, folder: Path) -> FitResult:
    """Fit, and write figures for TensorBoard."""
    from trainer.fitting import fit

    with needs_extra("--tensorboard", "tensorboard"):
        from trainer.learning.tensorboard import TensorBoard
    with TensorBoard(display, folder) as observer:
        return fit(options, observer)


def _compare_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("first", metavar="A", type=Path, help="A run folder of `trainer fit`, such as best.run.")
    parser.add_argument("second", metavar="B", type=Path, help="Another one.")


@main.command("compare A B", _compare_arguments)
def compare(*, first: Path, second: Path) -> None:
    """Print what two fits reached, side by side, and in what they differ.

    Example: trainer compare first.run second.run
    """
    with needs_extra("trainer"):
        from trainer.learning.comparison import compare_runs

    found = compare_runs(first, second)
    rows = [("", str(first), str(second))]
    rows += [(name, _figure(name, one), _figure(name, other)) for name, (one, other) in found.figures.items()]
    rows += [(name, str(one), str(other)) for name, (one, other) in found.different.items()]
    cells = [[shortened(printable(cell)) for cell in row] for row in rows]
    wide = [max(len(row[column]) for row in cells) for column in range(3)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip())
    if not found.same_reviews:
        print("they were judged by different held-out reviews, so their figures say little of each other")


def _figure(name: str, value: float) -> str:
    if "accuracy" in name:
        return f"{value:.2%}"
    return f"{value:.4f}" if "loss" in name else f"{value:,.0f}"


def _evaluate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=file_path, help="A .pth file of `trainer fit`.")
    _data_arguments(parser)
    measured = "The split to measure on, or all.  [default: test, else the rows kept from training, else all]"
    parser.add_argument("--split", metavar="NAME", help=measured)
    parser.add_argument("--record", action="store_true", help="Keep the figures in the checkpoint, for its card.")
    json_argument(parser)


@main.command("evaluate CHECKPOINT", _evaluate_arguments)
def evaluate(
    *,
    checkpoint: Path,
    data: list[str] | None,
    split: str | None,
    record: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Print how good CHECKPOINT is on a split, in all and by source, as `scorer evaluate` does of a sealed model.

    Example: trainer evaluate best.pth --data my-reviews --split test
    """
    with needs_extra("trainer"):
        from scorer.evaluation.telling import figure_lines, group_lines
        from trainer.learning.evaluation import evaluate_checkpoint

    source = _source(data, given)
    with memory_told():
        result = evaluate_checkpoint(checkpoint, source, split, record=record)
    if as_json:
        print(json.dumps({"checkpoint": str(checkpoint), "split": split, **result.as_dict()}))
        return
    figures = result.figures
    counts = f"{figures.rows:,} reviews, {figures.positive / figures.rows:.1%} positive"
    print(printable(f"{source}, {result.judged_by}: {counts}"))
    print("\n".join([*figure_lines(figures), *group_lines(result.sources)]))


def _source(names: list[str] | None, given: dict[str, Any]) -> DataOptions:
    """What the arguments of `_data_arguments` say, taken out of what was `given`."""
    labels, csv = given.pop("labels"), csv_options(given)
    columns = {name: given.pop(name) for name in ("text_column", "label_column", "source_column", "subset")}
    with needs_extra("trainer"):
        from scorer.evaluation.labels import parse_reading
        from trainer.data.reviews import DataOptions

    return DataOptions(tuple(names or ["imdb"]), **columns, labels=parse_reading(labels) if labels else None, csv=csv)


def _choose_recipes(name: str, start: str | None, given: dict[str, Any]) -> tuple[Recipe, Recipe | None]:
    """The recipe to fit by, and the one to fit by instead where there are few reviews.

    Who names a value of the network, or of teachers, means a fit that begins anew.
    """
    anew = [o.flag for o in options_of(Recipe) if o.field in given and o.field in NETWORK_VALUES]
    if start in (None, "none"):
        chosen = _choose_recipe(name, given)
        taught = any(o.field in given for o in options_of(Teachers))
        few = start is None and name == "default" and not anew and not taught
        return chosen, _choose_recipe("continued", given) if few else None
    if name not in ("default", "continued"):
        raise UsageError(f"--start: recipe {name!r} begins anew; leave one of them out")
    if anew:
        raise UsageError(f"{anew[0]}: a fit that goes on from a model keeps its network and text settings")
    return replace(_choose_recipe("continued", given), start=start), None


def _choose_recipe(name: str, given: dict[str, Any]) -> Recipe:
    """The named recipe with the values that were given as options."""
    if name not in RECIPES:
        raise UsageError(f"--recipe {name!r}: known recipes are {', '.join(RECIPES)}{did_you_mean(name, RECIPES)}")
    recipe = RECIPES[name]
    of_recipe, of_teachers = (
        {o.field: given[o.field] for o in options_of(kind) if o.field in given} for kind in _OPTIONS
    )
    if of_teachers and not recipe.teachers:
        option = f"--{next(iter(of_teachers)).replace('_', '-')}"
        raise UsageError(f"{option}: recipe {name} has no teachers; use --recipe default or distilled")
    if of_teachers.get("teacher_vectors") and not of_teachers.get("teacher"):
        raise UsageError("--teacher-vectors: needs a transformer; name one with --teacher")
    teachers = replace(recipe.teachers, **of_teachers) if recipe.teachers else None
    return replace(recipe, **of_recipe, teachers=teachers)


main.complete_in_shells()

if __name__ == "__main__":
    main()
