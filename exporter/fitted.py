"""A network as a fit left it, whoever fitted it, with what a sealed model says of it."""

from dataclasses import asdict, dataclass

import onnx
import torch

from scorer.model.runtime import onnxruntime
from scorer.model.sealed import Card
from scorer.tokens.encoder import TextEncoder
from trainer.learning.checkpoint import Checkpoint
from trainer.network.lstm import SentimentLSTM

__all__ = ["Fitted", "exporting_versions", "of_checkpoint"]


@dataclass(frozen=True)
class Fitted:
    """What is exported."""

    network: SentimentLSTM
    """In evaluation mode."""
    tokenizer_json: str
    card: Card
    """All of it but the proof of parity."""
    temperature: float = 1.0
    """What the network's logits are divided by."""
    reading: str | None = None
    """How a file that does not say so itself was read, for people; None for a checkpoint of `trainer fit`."""

    def build_encoder(self) -> TextEncoder:
        """The text→ids code of this network."""
        return TextEncoder(self.tokenizer_json, self.card.text)


def of_checkpoint(checkpoint: Checkpoint) -> Fitted:
    """What a checkpoint of `trainer fit` holds."""
    card = Card(
        text=checkpoint.text,
        calibration=checkpoint.calibration,
        training={
            "data": checkpoint.data,
            "languages": checkpoint.languages,
            "scripts": checkpoint.scripts,
            "recipe": asdict(checkpoint.recipe),
            "epoch": checkpoint.epoch,
            "seed": checkpoint.seed,
            "stages": checkpoint.stages,
        },
        metrics=checkpoint.metrics,
        versions=checkpoint.versions | exporting_versions(),
    )
    return Fitted(checkpoint.build_network(), checkpoint.tokenizer_json, card, checkpoint.temperature)


def exporting_versions() -> dict[str, str]:
    """Tools that can change the graph."""
    return {"torch": str(torch.__version__), "onnx": onnx.__version__, "onnxruntime": onnxruntime.__version__}
