"""Word vectors in few bits: rounded when they are saved, so that what was validated is what is served."""

import torch
from torch import Tensor

from trainer.network.settings import EmbeddingBits

__all__ = ["round_vectors", "row_steps"]


def round_vectors(vectors: Tensor, bits: EmbeddingBits) -> Tensor:
    """`vectors`, float32 [words, size], with values that `bits` bits can hold: half precision, or 255 steps a row."""
    if bits == 32:
        return vectors
    if bits == 16:
        return vectors.half().float()
    steps = row_steps(vectors)
    return torch.round(vectors / steps) * steps


def row_steps(vectors: Tensor) -> Tensor:
    """The step of each row, float32 [words, 1]: the least power of two with which 127 steps reach its largest value.

    A power of two makes code times step exact, and gives rounded rows the same step again.
    """
    largest = vectors.abs().amax(1, keepdim=True).clamp_min(torch.finfo(torch.float32).tiny * 256)
    return torch.exp2(torch.ceil(torch.log2(largest / 127)))
