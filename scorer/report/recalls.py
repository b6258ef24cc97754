"""How often a model is known to be right on each side, from what its card says of reviews that it was judged on."""

from collections.abc import Mapping
from typing import Any

from scorer.evaluation.prevalence import Recalls
from scorer.model.sealed import Card

__all__ = ["recalls_of"]


def recalls_of(card: Card) -> Recalls | None:
    """The recalls on the reviews that had no part in the fit; None where the card does not say.

    Where only balanced accuracies of several sources are known, both recalls are taken to be their mean.
    """
    try:
        return _of_verdict(card.metrics) or _of_sources(card.metrics)
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError):  # the card is free there
        return None


def _of_verdict(metrics: Mapping[str, Any]) -> Recalls | None:
    verdict = metrics.get("verdict")
    if not verdict:
        return None
    right = {name: int(count) for name, count in verdict["figures"]["this model"]["confusion"].items()}
    positive = right["true_positive"] + right["false_negative"]
    negative = right["true_negative"] + right["false_positive"]
    shares = right["true_positive"] / positive, right["true_negative"] / negative
    return Recalls(*shares, (positive, negative), f"{positive + negative:,} {verdict['judged_on']}")


def _of_sources(metrics: Mapping[str, Any]) -> Recalls:
    sources = list(metrics["validation"]["sources"].values())
    mean = sum(float(one["balanced_accuracy"]) for one in sources) / len(sources)
    rows = sum(int(one["reviews"]) for one in sources) // 2
    told = f"{2 * rows:,} held-out reviews of {len(sources)} kinds, both recalls taken to be alike"
    return Recalls(mean, mean, (rows, rows), told)
