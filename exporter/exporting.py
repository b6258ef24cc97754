"""From `best.pth` to `best.onnx`: export, prove, seal."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from exporter.errors import ExportError
from exporter.fitted import Fitted, of_checkpoint
from exporter.graph import Served, export_graph
from exporter.huggingface import MODEL_FILE, write_huggingface_folder
from exporter.parity import Parity, prove_parity
from exporter.recurrence import fastest_graph
from exporter.tutorial import Texts, is_foreign, read_tutorial, texts_by
from scorer.model.network import Network
from scorer.model.sealed import read_sealed, seal
from scorer.system.atomic import require_place, write_aside
from trainer.learning.checkpoint import checkpoint_of, read_content
from trainer.network.lstm import SentimentLSTM

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
    tokenizer: str | None = None
    """Folder or hub id of the tokenizer, for a checkpoint that holds none."""
    max_length: int | None = None
    """Tokens to which texts were cut and padded, for such a checkpoint."""
    languages: tuple[str, ...] = ()
    """ISO 639 codes for the card; empty: those that the checkpoint knows."""


@dataclass(frozen=True)
class ExportResult:
    """What was written, and the proof."""

    output: Path
    size: int
    """Bytes."""
    parity: Parity
    rewritten: bool
    """The graph is the fast one; False: it is as it was traced, because its pooling reads the padding."""
    reading: str | None = None
    """How a checkpoint was read that `trainer fit` did not make."""


def to_onnx(
    options: ExportOptions, rewrite: Callable[[SentimentLSTM, float], bytes | None] = fastest_graph
) -> ExportResult:
    """Export a checkpoint, prove that the graph gives its numbers, and seal it.

    The graph is what `rewrite` makes of the network, or what torch traces where that is None. Raises `TrainerError` for
    a file that is no checkpoint and `ExportError` when the numbers differ; then no file is written.
    """
    output = options.output or _beside(options.checkpoint)
    _refuse_to_lose(options, output)
    fitted = _with_languages(_read(options), options.languages)
    fast = rewrite(fitted.network, fitted.temperature)
    graph = fast or export_graph(Served(fitted.network, fitted.temperature))
    with write_aside(output) as partial:
        partial.write_bytes(seal(graph, fitted.tokenizer_json, fitted.card))
        # The proof runs on the very file that will be served; its result is then sealed in.
        parity = _prove(fitted, read_sealed(partial).content, output)
        card = replace(fitted.card, parity=asdict(parity))
        partial.write_bytes(seal(graph, fitted.tokenizer_json, card))
        size = partial.stat().st_size
    if options.hf_dir:
        write_huggingface_folder(options.hf_dir, read_sealed(output))
    return ExportResult(output, size, parity, fast is not None, fitted.reading)


def _read(options: ExportOptions) -> Fitted:
    path, told = options.checkpoint, (options.tokenizer, options.max_length)
    content = read_content(path)
    if is_foreign(content):
        return read_tutorial(path, content).with_texts(texts_by(path, *told))
    if any(value is not None for value in told):
        raise ExportError(f"{path}: has its own tokenizer and length; leave out --tokenizer and --max-length")
    return of_checkpoint(checkpoint_of(content, path))


def _with_languages(fitted: Fitted, stated: tuple[str, ...]) -> Fitted:
    if not stated:
        return fitted
    return replace(fitted, card=replace(fitted.card, training={**fitted.card.training, "languages": list(stated)}))


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
    sealed, content = read_sealed(model), read_content(checkpoint)
    if is_foreign(content):  # what it lacks, the model has
        expected = read_tutorial(checkpoint, content).with_texts(Texts(sealed.tokenizer_json, sealed.card.text))
    else:
        expected = of_checkpoint(checkpoint_of(content, checkpoint))
    if (sealed.tokenizer_json, sealed.card.text) != (expected.tokenizer_json, expected.card.text):
        raise ExportError(f"{model}: its tokenizer or text settings are not the checkpoint's; export it again")
    return _prove(expected, sealed.content, model)


def _prove(fitted: Fitted, graph: bytes, path: Path) -> Parity:
    """Parity of `graph`, which is or will be at `path`, with the fitted network."""
    served = Served(fitted.network, fitted.temperature)
    parity = prove_parity(served, Network(graph, path).logits, fitted.build_encoder())
    if not parity.holds:
        raise ExportError(
            f"{path}: its logits differ from the checkpoint's by up to {parity.largest_difference:.2g} (above 1: its "
            f"share), more than {parity.tolerance:g}; it cannot stand for that checkpoint"
        )
    return parity
