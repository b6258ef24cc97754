"""The `trainer` command.

trainer fit --data folder-of-reviews
trainer fit --recipe distilled --data folder-of-reviews
trainer fit --recipe tutorial --data imdb
trainer evaluate best.pth --data folder-of-reviews --split test
"""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from scorer.command import needs_training_extra, new_app, run_command

if TYPE_CHECKING:  # torch and its kin take seconds to import, --help should not
    from trainer.data import DataSource
    from trainer.recipes import Recipe, Teachers

app = new_app("Fit an LSTM sentiment classifier to labelled reviews.")

_Data = Annotated[
    str,
    typer.Option("--data", help="A Hugging Face dataset id, or a folder or file of Parquet, CSV or JSONL."),
]
_TextColumn = Annotated[str, typer.Option(help="The column of reviews.")]
_LabelColumn = Annotated[str, typer.Option(help="The column of labels, 0 or 1.")]


def _from_recipe(help_text: str) -> Any:
    return typer.Option(help=f"{help_text}  [default: the recipe's]", rich_help_panel="Values of the recipe")


def _of_teachers(help_text: str) -> Any:
    return typer.Option(help=f"{help_text}  [default: the recipe's]", rich_help_panel="Teachers, in recipe distilled")


@app.command("fit")
def fit_(
    data: _Data = "imdb",
    recipe: Annotated[str, typer.Option(help="default, distilled or tutorial.")] = "default",
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The checkpoint; its run folder lies beside it.")
    ] = Path("best.pth"),
    text_column: _TextColumn = "text",
    label_column: _LabelColumn = "label",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same machine: same numbers.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted fit.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing checkpoint.")] = False,
    tokenizer: Annotated[str | None, _from_recipe("corpus, or a hub id or folder for AutoTokenizer.")] = None,
    vocab_size: Annotated[int | None, _from_recipe("Words that corpus keeps.")] = None,
    max_length: Annotated[int | None, _from_recipe("Longest review in tokens.")] = None,
    keep: Annotated[Literal["head", "tail"] | None, _from_recipe("The end of longer reviews to keep.")] = None,
    pad_to_max_length: Annotated[bool | None, _from_recipe("Pad every review to the longest length.")] = None,
    embedding_dim: Annotated[int | None, _from_recipe("Size of a word vector.")] = None,
    hidden_dim: Annotated[int | None, _from_recipe("Size of the LSTM's state.")] = None,
    words_per_step: Annotated[int | None, _from_recipe("Words that the LSTM reads at each step.")] = None,
    pooling: Annotated[
        Literal["final_step", "max_mean", "last_max_mean"] | None, _from_recipe("What the head sees of the states.")
    ] = None,
    dropout: Annotated[float | None, _from_recipe("On pooled states.")] = None,
    vector_dropout: Annotated[float | None, _from_recipe("On word vectors.")] = None,
    word_dropout: Annotated[float | None, _from_recipe("Share of words hidden in training.")] = None,
    embedding_bits: Annotated[
        Literal["8", "16", "32"] | None, _from_recipe("Bits of a saved number of word vectors.")
    ] = None,
    learning_rate: Annotated[float | None, _from_recipe("Adam's step size.")] = None,
    embedding_rate: Annotated[float | None, _from_recipe("Step size of word vectors, a share of the others'.")] = None,
    cosine: Annotated[bool | None, _from_recipe("Let the step size fall to zero along a cosine.")] = None,
    warmup: Annotated[float | None, _from_recipe("Share of the fit in which the step size rises.")] = None,
    adam_beta2: Annotated[float | None, _from_recipe("Decay of Adam's mean of squared gradients.")] = None,
    adversarial: Annotated[float | None, _from_recipe("Size of worst-case shifts of word vectors.")] = None,
    bfloat16: Annotated[bool | None, _from_recipe("Train the LSTM in bfloat16.")] = None,
    batch_size: Annotated[int | None, _from_recipe("Most reviews per step.")] = None,
    batch_tokens: Annotated[int | None, _from_recipe("Most padded tokens per step.")] = None,
    epochs: Annotated[int | None, _from_recipe("Most passes over the training reviews.")] = None,
    bucket_by_length: Annotated[bool | None, _from_recipe("Batch reviews of similar lengths.")] = None,
    clip_norm: Annotated[float | None, _from_recipe("Largest gradient norm.")] = None,
    average_decay: Annotated[float | None, _from_recipe("Decay of the running average of the weights.")] = None,
    average_every: Annotated[int | None, _from_recipe("Steps between updates of that average.")] = None,
    average_warmup: Annotated[float | None, _from_recipe("Updates until that average has its full decay.")] = None,
    validation: Annotated[str | None, _from_recipe("Share of train to hold out, or test.")] = None,
    patience: Annotated[int | None, _from_recipe("Epochs without improvement before stopping.")] = None,
    mean_over: Annotated[Literal["rows", "batches"] | None, _from_recipe("How epoch figures are averaged.")] = None,
    calibrate: Annotated[bool | None, _from_recipe("Fit a temperature on what validates.")] = None,
    prefix_weight: Annotated[float | None, _from_recipe("Weight of soft labels of a review's beginnings.")] = None,
    crops: Annotated[int | None, _of_teachers("Stretches of sentences to learn as well.")] = None,
    linear_folds: Annotated[int | None, _of_teachers("Folds of the linear teacher.")] = None,
    linear_strength: Annotated[float | None, _of_teachers("Inverse of its L2 penalty.")] = None,
    teacher_hidden_dim: Annotated[int | None, _of_teachers("Size of the large LSTMs' state.")] = None,
    lm_words: Annotated[int | None, _of_teachers("Words that the language model reads.")] = None,
    reader_epochs: Annotated[int | None, _of_teachers("Epochs of the first reader.")] = None,
    self_training_rounds: Annotated[
        int | None, _of_teachers("Readers that learn from reader and linear teacher.")
    ] = None,
    self_training_epochs: Annotated[int | None, _of_teachers("Epochs of each of them.")] = None,
    hard_share: Annotated[float | None, _of_teachers("Share of the true label in soft ones.")] = None,
) -> None:
    """Fit a network to the train split of DATA and save its best epoch.

    Example: trainer fit --data my-reviews -o best.pth
    """
    given = locals()
    with needs_training_extra("trainer"):
        from trainer.fitting import FitOptions, fit
        from trainer.progress import FitDisplay
        from trainer.report import describe_fit

    chosen = _choose_recipe(recipe, given)
    source = _source(data, text_column, label_column)
    options = FitOptions(source, chosen, output, seed, resume, force)
    try:
        with FitDisplay(chosen.epochs) as display:
            result = fit(options, display)
    except KeyboardInterrupt:
        kept = f"{output} holds the best epoch so far" if output.exists() else "no epoch was finished"
        print(f"interrupted: {kept}; continue with --resume")
        raise
    print("\n".join([*describe_fit(result.history), f"saved {result.checkpoint}"]))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A .pth file of `trainer fit`.")],
    data: _Data = "imdb",
    split: Annotated[str, typer.Option(help="The split to measure on.")] = "test",
    text_column: _TextColumn = "text",
    label_column: _LabelColumn = "label",
    record: Annotated[bool, typer.Option("--record", help="Keep the figures in the checkpoint, for its card.")] = False,
) -> None:
    """Print loss, accuracy and calibration error of CHECKPOINT on a split.

    Example: trainer evaluate best.pth --data my-reviews --split test
    """
    with needs_training_extra("trainer"):
        from trainer.evaluation import evaluate_checkpoint

    result = evaluate_checkpoint(checkpoint, _source(data, text_column, label_column), split, record=record)
    figures = f"loss {result.loss:.4f}, accuracy {result.accuracy:.2%} ({result.reviews:,} reviews)"
    print(f"{split}: {figures}, calibration error {result.ece:.2%}")


def _source(data: str, text_column: str, label_column: str) -> DataSource:
    from trainer.data import DataSource

    return DataSource(data, text_column, label_column)


def _choose_recipe(name: str, given: dict[str, Any]) -> Recipe:
    """The named recipe with the values that were given as options."""
    from trainer.recipes import RECIPES, Recipe, Teachers

    if name not in RECIPES:
        raise typer.BadParameter(f"{name!r}: known recipes are {', '.join(RECIPES)}", param_hint="--recipe")
    recipe, values, of_teachers = RECIPES[name], _given(given, Recipe), _given(given, Teachers)
    if values.get("validation", "test") != "test":
        values["validation"] = _share(values["validation"])
    if "embedding_bits" in values:
        values["embedding_bits"] = int(values["embedding_bits"])
    if of_teachers and not recipe.teachers:
        option = f"--{next(iter(of_teachers)).replace('_', '-')}"
        raise typer.BadParameter(f"recipe {name} has no teachers; use --recipe distilled", param_hint=option)
    if recipe.teachers:
        values["teachers"] = replace(recipe.teachers, **of_teachers)
    return replace(recipe, **values)


def _given(options: dict[str, Any], kind: type[Recipe] | type[Teachers]) -> dict[str, Any]:
    """The options that are fields of `kind` and were given."""
    return {field.name: options[field.name] for field in fields(kind) if options.get(field.name) is not None}


def _share(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r}: give a share such as 0.1, or test", param_hint="--validation") from None


def main() -> None:
    """Entry point of the console command."""
    run_command(app, "trainer")


if __name__ == "__main__":
    main()
