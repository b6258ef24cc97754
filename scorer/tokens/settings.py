"""What a model's card says of text to ids; apart from the code that does it, so that a card is read at once."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["TextSettings"]


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How a text becomes one row of the network's input; stored in every checkpoint and sealed model."""

    max_length: int
    """Longest row in tokens, special tokens included."""
    keep: Literal["head", "tail"]
    """Which end of a longer text is kept."""
    pad_id: int
    """The id that fills a row up; the attention mask is 0 there."""
    pad_to_max_length: bool = False
    """Pad every row to `max_length`, for networks that read the state after the padding."""
