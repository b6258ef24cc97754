"""What teachers say of each of several sources, calibrated: an opinion means the same in all of them.

Teachers that learned many kinds of reviews are too kind to some: where nearly all is praise, what sounds half content
is a complaint. So the verdicts on each source get a temperature and a shift of its own (Platt 1999), fitted on reviews
that the teachers did not learn. A part of a review does not tell as much as the whole, and is shifted by less.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.learning.calibration import fit_scaling
from trainer.stages import Made

__all__ = ["SHARE_OF_PARTS", "fit_sources", "scaled_by_source"]

SHARE_OF_PARTS = 0.5
"""Of a source's shift that a text made of its reviews gets: as measured, four to six tenths."""

_TEMPERATURES, _SHIFTS = "temperatures", "shifts"


def fit_sources(logits: Tensor, labels: Tensor, weights: Tensor, sources: NDArray[np.int64], count: int) -> Made:
    """Temperatures and shifts, both [count]; the other arguments are [rows], sources numbered from 0."""
    of_source = [torch.from_numpy(sources == number) for number in range(count)]
    found = torch.tensor([fit_scaling(logits[rows], labels[rows], weights[rows]) for rows in of_source])
    temperatures, shifts = found.T.contiguous()
    summary = {"sources": count, "shifts": f"{shifts.min():.2f} to {shifts.max():.2f}"}
    return {_TEMPERATURES: temperatures, _SHIFTS: shifts}, summary


def scaled_by_source(
    scales: dict[str, Tensor], logits: Tensor, sources: NDArray[np.int64], share: float = 1.0
) -> Tensor:
    """`logits` as `fit_sources` would have them, with a `share` of the shift; those of source -1 as they are."""
    temperatures = torch.cat([scales[_TEMPERATURES], torch.ones(1)])
    shifts = torch.cat([scales[_SHIFTS], torch.zeros(1)])
    return logits / temperatures[sources] + share * shifts[sources]
