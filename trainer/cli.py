"""The `trainer` command.

trainer fit --data folder-of-reviews
trainer fit --recipe distilled --data folder-of-reviews
trainer fit --recipe tutorial --data imdb
trainer evaluate best.pth --data folder-of-reviews --split test
"""

from __future__ import annotations

from pathlib import Path

from scorer import __version__
from scorer.cli.arguments import file_path
from scorer.cli.tool import ArgumentParser, BooleanOptionalAction, Tool, UsageError, at_least, needs_training_extra
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # torch and its kin take seconds to import, --help should not
    from typing import Any

    from trainer.data.reviews import DataSource
    from trainer.recipes import Recipe, Teachers

main = Tool("trainer", "Fit an LSTM sentiment classifier to labelled reviews.", __version__)

# Type or choices, and help, of the options that stand for values of a recipe.
_RECIPE: dict[str, tuple[type | tuple[str, ...], str]] = {
    "tokenizer": (str, "corpus, or a hub id or folder for AutoTokenizer."),
    "vocab_size": (int, "Words that corpus keeps."),
    "max_length": (int, "Longest review in tokens."),
    "keep": (("head", "tail"), "The end of longer reviews to keep."),
    "pad_to_max_length": (bool, "Pad every review to the longest length."),
    "embedding_dim": (int, "Size of a word vector."),
    "hidden_dim": (int, "Size of the LSTM's state."),
    "words_per_step": (int, "Words that the LSTM reads at each step."),
    "pooling": (("final_step", "max_mean", "last_max_mean"), "What the head sees of the states."),
    "dropout": (float, "On pooled states."),
    "vector_dropout": (float, "On word vectors."),
    "word_dropout": (float, "Share of words hidden in training."),
    "embedding_bits": (("8", "16", "32"), "Bits of a saved number of word vectors."),
    "learning_rate": (float, "Adam's step size."),
    "embedding_rate": (float, "Step size of word vectors, a share of the others'."),
    "cosine": (bool, "Let the step size fall to zero along a cosine."),
    "warmup": (float, "Share of the fit in which the step size rises."),
    "adam_beta2": (float, "Decay of Adam's mean of squared gradients."),
    "adversarial": (float, "Size of worst-case shifts of word vectors."),
    "bfloat16": (bool, "Train the LSTM in bfloat16."),
    "batch_size": (int, "Most reviews per step."),
    "batch_tokens": (int, "Most padded tokens per step."),
    "epochs": (int, "Most passes over the training reviews."),
    "bucket_by_length": (bool, "Batch reviews of similar lengths."),
    "clip_norm": (float, "Largest gradient norm."),
    "average_decay": (float, "Decay of the running average of the weights."),
    "average_every": (int, "Steps between updates of that average."),
    "average_warmup": (float, "Updates until that average has its full decay."),
    "validation": (str, "Share of train to hold out, or test."),
    "patience": (int, "Epochs without improvement before stopping."),
    "mean_over": (("rows", "batches"), "How epoch figures are averaged."),
    "calibrate": (bool, "Fit a temperature on what validates."),
    "prefix_weight": (float, "Weight of soft labels of a review's beginnings."),
}
_TEACHERS: dict[str, tuple[type | tuple[str, ...], str]] = {
    "crops": (int, "Stretches of sentences to learn as well."),
    "sentence_copies": (int, "Times that an epoch repeats the trainer's own sentences."),
    "linear_folds": (int, "Folds of the linear teacher."),
    "linear_strength": (float, "Inverse of its L2 penalty."),
    "teacher_hidden_dim": (int, "Size of the large LSTMs' state."),
    "lm_words": (int, "Words that the language model reads."),
    "reader_epochs": (int, "Epochs of the first reader."),
    "self_training_rounds": (int, "Readers that learn from reader and linear teacher."),
    "self_training_epochs": (int, "Epochs of each of them."),
    "hard_share": (float, "Share of the true label in soft ones."),
}


def _data_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data",
        default="imdb",
        help="A Hugging Face dataset id, or a folder or file of Parquet, CSV or JSONL.  [default: %(default)s]",
    )
    add("--text-column", metavar="NAME", default="text", help="The column of reviews.  [default: %(default)s]")
    add("--label-column", metavar="NAME", default="label", help="That of labels, 0 or 1.  [default: %(default)s]")


def _fit_arguments(parser: ArgumentParser) -> None:
    _data_arguments(parser)
    add = parser.add_argument
    add("--recipe", metavar="NAME", default="default", help="default, distilled or tutorial.  [default: %(default)s]")
    add(
        "--output",
        "-o",
        metavar="FILE",
        type=file_path,
        default=Path("best.pth"),
        help="The checkpoint; its run folder lies beside it.  [default: %(default)s]",
    )
    add("--seed", metavar="N", type=at_least(0), default=0, help="Same seed, same machine: same numbers.  [default: 0]")
    add("--resume", action="store_true", help="Continue an interrupted fit.")
    add("--force", action="store_true", help="Replace an existing checkpoint.")
    for title, options in {
        "Values of the recipe": _RECIPE,
        "Teachers, in recipes default and distilled": _TEACHERS,
    }.items():
        group = parser.add_argument_group(title, "Each defaults to the recipe's.")
        for name, (kind, help_text) in options.items():
            option = f"--{name.replace('_', '-')}"
            if kind is bool:
                group.add_argument(option, action=BooleanOptionalAction, help=help_text)
            elif isinstance(kind, tuple):
                group.add_argument(option, choices=kind, help=help_text)
            else:
                group.add_argument(option, metavar="TEXT" if kind is str else "N", type=kind, help=help_text)


@main.command("fit", _fit_arguments)
def fit_(
    *,
    data: str,
    recipe: str,
    output: Path,
    text_column: str,
    label_column: str,
    seed: int,
    resume: bool,
    force: bool,
    **given: Any,
) -> None:
    """Fit a network to the train split of DATA and save its best epoch.

    Example: trainer fit --data my-reviews -o best.pth
    """
    with needs_training_extra("trainer"):
        from trainer.fitting import FitOptions, fit
        from trainer.learning.display import FitDisplay
        from trainer.learning.report import describe_fit

    chosen = _choose_recipe(recipe, given)
    source = _source(data, text_column, label_column)
    options = FitOptions(source, chosen, output, seed, resume, force)
    try:
        with FitDisplay(chosen.epochs) as display:
            result = fit(options, display)
    except KeyboardInterrupt:
        kept = f"{printable(str(output))} holds the best epoch so far" if output.exists() else "no epoch was finished"
        print(f"interrupted: {kept}; continue with --resume")
        raise
    print("\n".join([*describe_fit(result.history), f"saved {printable(str(result.checkpoint))}"]))


def _evaluate_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("checkpoint", metavar="CHECKPOINT", type=file_path, help="A .pth file of `trainer fit`.")
    _data_arguments(parser)
    parser.add_argument("--split", default="test", help="The split to measure on.  [default: %(default)s]")
    parser.add_argument("--record", action="store_true", help="Keep the figures in the checkpoint, for its card.")


@main.command("evaluate CHECKPOINT", _evaluate_arguments)
def evaluate(*, checkpoint: Path, data: str, text_column: str, label_column: str, split: str, record: bool) -> None:
    """Print loss, accuracy and calibration error of CHECKPOINT on a split.

    Example: trainer evaluate best.pth --data my-reviews --split test
    """
    with needs_training_extra("trainer"):
        from trainer.learning.evaluation import evaluate_checkpoint

    result = evaluate_checkpoint(checkpoint, _source(data, text_column, label_column), split, record=record)
    figures = f"loss {result.loss:.4f}, accuracy {result.accuracy:.2%} ({result.reviews:,} reviews)"
    print(f"{split}: {figures}, calibration error {result.ece:.2%}")


def _source(data: str, text_column: str, label_column: str) -> DataSource:
    from trainer.data.reviews import DataSource

    return DataSource(data, text_column, label_column)


def _choose_recipe(name: str, given: dict[str, Any]) -> Recipe:
    """The named recipe with the values that were given as options."""
    from dataclasses import replace

    from trainer.recipes import RECIPES, Recipe, Teachers

    if name not in RECIPES:
        raise UsageError(f"--recipe {name!r}: known recipes are {', '.join(RECIPES)}")
    recipe, values, of_teachers = RECIPES[name], _given(given, Recipe), _given(given, Teachers)
    if values.get("validation", "test") != "test":
        values["validation"] = _share(values["validation"])
    if "embedding_bits" in values:
        values["embedding_bits"] = int(values["embedding_bits"])
    if of_teachers and not recipe.teachers:
        option = f"--{next(iter(of_teachers)).replace('_', '-')}"
        raise UsageError(f"{option}: recipe {name} has no teachers; use --recipe default or distilled")
    if recipe.teachers:
        values["teachers"] = replace(recipe.teachers, **of_teachers)
    return replace(recipe, **values)


def _given(options: dict[str, Any], kind: type[Recipe] | type[Teachers]) -> dict[str, Any]:
    """The options that are fields of `kind` and were given."""
    from dataclasses import fields

    return {field.name: options[field.name] for field in fields(kind) if options.get(field.name) is not None}


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"--validation {text!r}: give a share such as 0.1, or test") from None


if __name__ == "__main__":
    main()
