"""README.md of a model's repository, made from the card that is sealed in: what it is, how good, how to use it."""

from collections.abc import Iterator, Mapping
from typing import Any

from scorer.model.languages import languages_told, stated_languages
from scorer.model.sealed import Card, SealedModel

__all__ = ["model_card"]

_HEAD = """---
library_name: sentiment-scorer
pipeline_tag: text-classification
tags: [sentiment-analysis, lstm, onnx, sentiment-scorer]
{languages}---

# {name}

The probability that a review is positive, by an LSTM, for plain CPUs. `best.onnx` holds network, tokenizer and card in
one sealed file of sentiment-scorer, sha256 `{sha256}`.

## Use

```console
pip install sentiment-scorer
scorer run reviews.parquet -o scored.parquet --model hf://{name}
scorer text "A fine film." --model hf://{name}
```

In pipelines of Optimum (`pip install optimum-onnx`) the same numbers come from `model.onnx`:

```python
from optimum.onnxruntime import pipeline

classify = pipeline("text-classification", "{name}")
classify(["A fine film."], top_k=None)
```

In JavaScript by transformers.js:

```js
const classify = await pipeline("text-classification", "{name}", {{ subfolder: "", dtype: "fp32" }});
```

`config.json` says `bert` because libraries refuse types that they do not know; the network is the LSTM of `model.onnx`.
"""
_COLUMNS = "judged on", "reviews", "accuracy", "balanced accuracy", "ROC-AUC", "calibration error"
_COUNTS = {"train_reviews": "to train", "validation_reviews": "to judge epochs", "unlabelled_reviews": "without labels"}


def model_card(name: str, sealed: SealedModel) -> str:
    """The text of README.md for the repository `name`."""
    card = sealed.card
    head = _HEAD.format(name=name, sha256=sealed.sha256, languages=_languages(sealed))
    parts = [head, *_quality(card), *_data(card), *_details(sealed)]
    return "\n".join(parts) + "\n"


def _languages(sealed: SealedModel) -> str:
    """The line of the head for those that the card states."""
    codes = stated_languages(sealed)
    return f"language: [{', '.join(codes)}]\n" if codes else ""


def _quality(card: Card) -> Iterator[str]:
    """What was measured, and on what."""
    yield "## How good it is\n"
    rows = list(_figures(card.metrics))
    if not rows:
        yield "Nothing was measured on reviews that had no part in its fit.\n"
        return
    yield f"| {' | '.join(_COLUMNS)} |\n|---|{'---:|' * (len(_COLUMNS) - 1)}"
    yield from rows
    yield "\nIn brackets 95 % intervals. `scorer evaluate mine.csv --model hf://…` says so of your reviews.\n"


def _figures(metrics: Mapping[str, Any]) -> Iterator[str]:
    """A line for each set of reviews: of the verdict's models, of splits, and of their sources."""
    verdict = metrics.get("verdict", {})
    for model, figures in verdict.get("figures", {}).items():
        yield _line(f"{verdict['judged_on']}: {model}", figures)
    for split, figures in metrics.items():
        if split != "verdict" and isinstance(figures, dict):
            if "accuracy" in figures:
                yield _line(split, figures)
            for source, of_source in figures.get("sources", {}).items():
                yield _line(f"{split}, {source}", of_source)


def _line(judged_on: str, figures: Mapping[str, Any]) -> str:
    reviews = figures.get("rows", figures.get("reviews"))
    error = figures.get("calibration_error", figures.get("ece"))
    cells = [
        judged_on,
        f"{reviews:,}" if reviews is not None else "",
        _cell(figures.get("accuracy"), ".1%"),
        _cell(figures.get("balanced_accuracy"), ".1%"),
        _cell(figures.get("roc_auc"), ".3f"),
        _cell(error, ".1%"),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(figure: Any, shown: str) -> str:
    """A number, with its interval if it has one; empty where there is none."""
    if isinstance(figure, dict):
        low, high = (format(figure[end], shown).removesuffix("%") for end in ("low", "high"))
        return f"{figure['value']:{shown}} ({low}–{high})"
    return "" if figure is None else format(figure, shown)


def _data(card: Card) -> Iterator[str]:
    """What it learned from."""
    data = card.training.get("data", {})
    if not data:
        return
    known = [f"{data[field]:,} {words}" for field, words in _COUNTS.items() if data.get(field)]
    yield f"## Data\n\nReviews of {data.get('name', 'unknown origin')}: {', '.join(known)}.\n"


def _details(sealed: SealedModel) -> Iterator[str]:
    """What texts it reads, how they become ids, how logits become labels, and what it was made by."""
    card = sealed.card
    recipe, text = card.training.get("recipe", {}), card.text
    end = {"head": "first", "tail": "last"}[text.keep]
    yield "## Details\n"
    yield f"- Labels `{card.labels[0]}` and `{card.labels[1]}`; positive from a probability of {card.threshold:g} on."
    told = languages_told(sealed)
    yield f"- {told[0].upper()}{told[1:]}."
    yield f"- Of longer texts it reads the {end} {text.max_length:,} tokens."
    if recipe:
        yield f"- Recipe `{recipe['name']}`: {_sizes(recipe)}."
    if temperature := card.calibration.get("temperature"):
        yield f"- Calibrated on held-out reviews: logits are divided by {temperature:.3g}."
    if parity := card.parity.get("largest_difference"):
        yield f"- Its graph gives the numbers of the trained network: largest difference of a logit {parity:.2g}."
    if card.versions:
        yield f"- Made by {', '.join(f'{tool} {version}' for tool, version in card.versions.items())}."


def _sizes(recipe: Mapping[str, Any]) -> str:
    named = {"embedding_dim": "word vectors of size {}", "hidden_dim": "a state of size {}", "pooling": "pooling {}"}
    return ", ".join(words.format(recipe[field]) for field, words in named.items() if recipe.get(field))
