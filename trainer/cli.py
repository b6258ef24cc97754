"""The `trainer` command.

trainer fit --data folder-of-reviews
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
    from trainer.recipes import Recipe

app = new_app("Fit an LSTM sentiment classifier to labelled reviews.")

_Data = Annotated[
    str,
    typer.Option("--data", help="A Hugging Face dataset id, or a folder or file of Parquet, CSV or JSONL."),
]
_TextColumn = Annotated[str, typer.Option(help="The column of reviews.")]
_LabelColumn = Annotated[str, typer.Option(help="The column of labels, 0 or 1.")]


def _from_recipe(help_text: str) -> Any:
    return typer.Option(help=f"{help_text}  [default: the recipe's]", rich_help_panel="Values of the recipe")


@app.command("fit")
def fit_(
    data: _Data = "imdb",
    recipe: Annotated[str, typer.Option(help="default or tutorial.")] = "default",
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
    dropout: Annotated[float | None, _from_recipe("On word vectors and pooled states.")] = None,
    word_dropout: Annotated[float | None, _from_recipe("Share of words hidden in training.")] = None,
    half_embedding: Annotated[bool | None, _from_recipe("Save word vectors in half precision.")] = None,
    learning_rate: Annotated[float | None, _from_recipe("Adam's step size.")] = None,
    batch_size: Annotated[int | None, _from_recipe("Reviews per step.")] = None,
    epochs: Annotated[int | None, _from_recipe("Most passes over the training reviews.")] = None,
    bucket_by_length: Annotated[bool | None, _from_recipe("Batch reviews of similar lengths.")] = None,
    clip_norm: Annotated[float | None, _from_recipe("Largest gradient norm.")] = None,
    average_decay: Annotated[float | None, _from_recipe("Decay of the running average of the weights.")] = None,
    validation: Annotated[str | None, _from_recipe("Share of train to hold out, or test.")] = None,
    patience: Annotated[int | None, _from_recipe("Epochs without improvement before stopping.")] = None,
    mean_over: Annotated[Literal["rows", "batches"] | None, _from_recipe("How epoch figures are averaged.")] = None,
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
    """Print loss and accuracy of CHECKPOINT on a split.

    Example: trainer evaluate best.pth --data my-reviews --split test
    """
    with needs_training_extra("trainer"):
        from trainer.evaluation import evaluate_checkpoint

    result = evaluate_checkpoint(checkpoint, _source(data, text_column, label_column), split, record=record)
    print(f"{split}: loss {result.loss:.4f}, accuracy {result.accuracy:.2%} ({result.reviews:,} reviews)")


def _source(data: str, text_column: str, label_column: str) -> DataSource:
    from trainer.data import DataSource

    return DataSource(data, text_column, label_column)


def _choose_recipe(name: str, given: dict[str, Any]) -> Recipe:
    """The named recipe with the values that were given as options."""
    from trainer.recipes import RECIPES, Recipe

    if name not in RECIPES:
        raise typer.BadParameter(f"{name!r}: known recipes are {', '.join(RECIPES)}", param_hint="--recipe")
    names = {field.name for field in fields(Recipe)}
    values = {key: value for key, value in given.items() if key in names and value is not None}
    if values.get("validation", "test") != "test":
        values["validation"] = _share(values["validation"])
    return replace(RECIPES[name], **values)


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
