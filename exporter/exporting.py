"""From `best.pth` to `best.onnx`: export, prove, seal."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import onnx
import torch

from exporter.errors import ExportError
from exporter.graph import Served, export_graph
from exporter.huggingface import MODEL_FILE, write_huggingface_folder
from exporter.parity import Parity, prove_parity
from exporter.recurrence import fastest_graph
from scorer.model.network import Network
from scorer.model.runtime import onnxruntime
from scorer.model.sealed import Card, read_sealed, seal
from scorer.system.atomic import require_place, write_aside
from trainer.learning.checkpoint import Checkpoint, load_checkpoint

__all__ = ["ExportOptions", "ExportResult", "check", "to_onnx"]


@dataclass(frozen=True)
class ExportOptions:
    """What `exporter to-onnx` is asked to do."""

    checkpoint: Path
    output: Path | None = None
    """None puts it beside the checkpoint, with the extension .onnx."""
    hf_dir: Path | None = None
    """Also write the Hugging Face layout into this folder."""
    force: bool = False
    """Replace what was exported before."""


@dataclass(frozen=True)
class ExportResult:
    """What was written, and the proof."""

    output: Path
    size: int
    """Bytes."""
    parity: Parity
    rewritten: bool
    """The graph is the fast one; False: it is as it was traced, because its pooling reads the padding."""


def to_onnx(options: ExportOptions, trace: Callable[[Served], bytes] = export_graph) -> ExportResult:
    """Export a checkpoint by `trace`, prove that the graph gives its numbers, and seal it.

    Raises `TrainerError` for a file that is no checkpoint and `ExportError` when the numbers differ; then no
    file is written.
    """
    output = options.output or _beside(options.checkpoint)
    _refuse_to_lose(options, output)
    checkpoint = load_checkpoint(options.checkpoint)
    traced = trace(Served(checkpoint.build_network(), checkpoint.temperature))
    _prove(checkpoint, traced, output)
    fast = fastest_graph(checkpoint.build_network(), checkpoint.temperature)
    graph = fast or traced
    with write_aside(output) as partial:
        partial.write_bytes(seal(graph, checkpoint.tokenizer_json, _card(checkpoint)))
        # The proof runs on the very file that will be served; its result is then sealed in.
        parity = _prove(checkpoint, read_sealed(partial).content, output)
        card = replace(_card(checkpoint), parity=asdict(parity))
        partial.write_bytes(seal(graph, checkpoint.tokenizer_json, card))
        size = partial.stat().st_size
    if options.hf_dir:
        write_huggingface_folder(options.hf_dir, read_sealed(output))
    return ExportResult(output, size, parity, fast is not None)


def _beside(checkpoint: Path) -> Path:
    """`best.onnx` for `best.pth`, `v.1.onnx` for `v.1`."""
    is_usual = checkpoint.suffix in (".pth", ".pt")
    return checkpoint.with_name(f"{checkpoint.stem if is_usual else checkpoint.name}.onnx")


def _refuse_to_lose(options: ExportOptions, output: Path) -> None:
    """Raise `ExportError` before the checkpoint itself, or, without force, an earlier export would be replaced."""
    require_place(output)
    if output.exists() and options.checkpoint.exists() and output.samefile(options.checkpoint):
        raise ExportError(f"{output}: is the checkpoint itself; name another output with -o")
    earlier = [output, *([options.hf_dir / MODEL_FILE] if options.hf_dir else [])]
    for path in earlier:
        if path.exists() and not options.force:
            raise ExportError(f"{path}: exists already; name another output, or replace it with --force")


def check(model: Path, checkpoint: Path) -> Parity:
    """Prove again that a sealed model gives a checkpoint's numbers; raises `ExportError` if it does not."""
    sealed, expected = read_sealed(model), load_checkpoint(checkpoint)
    if (sealed.tokenizer_json, sealed.card.text) != (expected.tokenizer_json, expected.text):
        raise ExportError(f"{model}: its tokenizer or text settings are not the checkpoint's; export it again")
    return _prove(expected, sealed.content, model)


def _prove(checkpoint: Checkpoint, graph: bytes, path: Path) -> Parity:
    """Parity of `graph`, which is or will be at `path`, with the checkpoint's network."""
    served = Served(checkpoint.build_network(), checkpoint.temperature)
    parity = prove_parity(served, Network(graph, path).logits, checkpoint.build_encoder())
    if not parity.holds:
        raise ExportError(
            f"{path}: its logits differ from the checkpoint's by up to {parity.largest_difference:.2g} (above 1: its "
            f"share), more than {parity.tolerance:g}; it cannot stand for that checkpoint"
        )
    return parity


def _card(checkpoint: Checkpoint) -> Card:
    recipe = asdict(checkpoint.recipe)
    return Card(
        text=checkpoint.text,
        calibration=checkpoint.calibration,
        training={
            "data": checkpoint.data,
            "recipe": recipe,
            "epoch": checkpoint.epoch,
            "seed": checkpoint.seed,
            "stages": checkpoint.stages,
        },
        metrics=checkpoint.metrics,
        versions={
            **checkpoint.versions,
            "torch": str(torch.__version__),
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    )
