"""Checkpoints: weights plus all that is needed to rebuild, resume, export and serve them."""

import platform
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from scorer import __version__
from scorer.tokens.encoder import TextEncoder, TextSettings
from trainer.errors import TrainerError
from trainer.network.lstm import SentimentLSTM
from trainer.network.settings import NetworkSettings
from trainer.recipes import Recipe, recipe_from
from trainer.saving import save

__all__ = [
    "Checkpoint",
    "EpochRecord",
    "checkpoint_of",
    "load_checkpoint",
    "read_content",
    "run_folder",
    "save_checkpoint",
    "tool_versions",
]

_FORMAT_VERSION = 2
_NO_CHECKPOINT = "not a checkpoint of `trainer fit`, or damaged"
_SCALAR = np.float64().__reduce__()[0]
_NUMBERS: list[Any] = [
    np.dtype,
    *(type(np.dtype(kind)) for kind in (np.float64, np.float32, np.int64)),
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),  # NumPy 1 and 2
]
"""What else a file may hold than torch's own: numbers of NumPy, of which a notebook's mean of losses is one."""


@dataclass(frozen=True)
class EpochRecord:
    """One epoch's figures; losses are binary cross-entropy in nats, accuracies shares of 1."""

    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float
    sources: dict[str, dict[str, float]] = field(default_factory=dict)
    """Each source's held-out figures by its name: `SourceFigures`, as fields."""
    noise: float = 0.0
    """How much of the gain in validation loss on epoch 0, the model that the fit went on from, may be chance."""


@dataclass(frozen=True)
class Checkpoint:
    """The content of a `.pth` file, which `torch.load(weights_only=True)` reads as a dict of these fields."""

    epoch: int
    """The epoch after which it was saved, from 1."""
    loss: float
    """Validation loss of that epoch."""
    model_state_dict: dict[str, Any]
    optimizer_state_dict: dict[str, Any]
    network: NetworkSettings
    tokenizer_json: str
    text: TextSettings
    recipe: Recipe
    seed: int
    data: dict[str, Any]
    """Name, fingerprint and sizes of the training data."""
    languages: list[str] = field(default_factory=list)
    """ISO 639 codes of the languages of the training reviews; empty where nobody knows."""
    scripts: dict[str, float] = field(default_factory=dict)
    """The share of each script among their words."""
    history: list[EpochRecord] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    """Figures by the split they were measured on."""
    calibration: dict[str, Any] = field(default_factory=dict)
    """The temperature and what it did to the held-out reviews; empty where probabilities are as they come."""
    stages: dict[str, Any] = field(default_factory=dict)
    """What each stage before the epochs reached, by its name; empty without teachers."""
    versions: dict[str, str] = field(default_factory=dict)
    average_state_dict: dict[str, Any] | None = None
    """In `last.pth` the running average of the weights, for resuming; None elsewhere."""
    steps: int = 0
    """In `last.pth` the optimiser's steps so far."""
    format_version: int = _FORMAT_VERSION

    @property
    def temperature(self) -> float:
        """What the network's logits are divided by; 1 where nothing was calibrated."""
        return float(self.calibration.get("temperature", 1.0))

    def build_network(self) -> SentimentLSTM:
        """The trained network, in evaluation mode."""
        network = SentimentLSTM(self.network)
        network.load_state_dict(self.model_state_dict)
        return network.eval()

    def build_encoder(self) -> TextEncoder:
        """The text→ids code of this network."""
        return TextEncoder(self.tokenizer_json, self.text)


def run_folder(checkpoint: Path) -> Path:
    """Where the history, curves and last state of a fit live: `best.run` beside `best.pth`, `v.1-run` beside `v.1`.

    No two checkpoints share one.
    """
    is_usual = checkpoint.suffix == ".pth"
    return checkpoint.with_name(f"{checkpoint.stem}.run" if is_usual else f"{checkpoint.name}-run")


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write atomically: a crash or a full disk leaves the previous file as it was."""
    save(asdict(checkpoint), path)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint without running anything in it; raises `TrainerError` if it is none of ours."""
    return checkpoint_of(read_content(path), path)


def read_content(path: Path) -> Any:
    """What torch saved in a file, without running anything in it; raises `TrainerError` if nothing was."""
    if not path.is_file():
        raise TrainerError(f"{path}: no such checkpoint; make one with `trainer fit`")
    try:
        # A mean of losses is a number of NumPy's; of what is damaged, the error below says enough.
        with torch.serialization.safe_globals(_NUMBERS), warnings.catch_warnings(action="ignore"):
            return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch.load has no common base for damaged and foreign files
        raise TrainerError(f"{path}: {_NO_CHECKPOINT}") from error


def checkpoint_of(content: Any, path: Path) -> Checkpoint:
    """The checkpoint whose file at `path` has this content; raises `TrainerError` if it is none of ours."""
    try:
        if content["format_version"] != _FORMAT_VERSION:
            raise TrainerError(f"{path}: made by another version of trainer; fit again")
        fields = dict(content)
        fields["network"] = NetworkSettings(**fields["network"])
        fields["text"] = TextSettings(**fields["text"])
        fields["recipe"] = recipe_from(fields["recipe"])
        fields["history"] = [EpochRecord(**record) for record in fields["history"]]
        checkpoint = Checkpoint(**fields)
        checkpoint.build_network()  # which finds weights that are missing or of another shape
        return checkpoint
    except TrainerError:
        raise
    except Exception as error:  # whatever a foreign file holds
        raise TrainerError(f"{path}: {_NO_CHECKPOINT}") from error


def tool_versions() -> dict[str, str]:
    """Versions that can change the numbers."""
    return {
        "sentiment-scorer": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
