"""The `exporter` command.

exporter to-onnx best.pth
exporter to-onnx best.pth -o model.onnx --hf-dir hub-folder
exporter check best.onnx best.pth
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scorer.command import needs_training_extra, new_app, run_command

if TYPE_CHECKING:
    from exporter.parity import Parity

app = new_app("Seal a fitted network into one .onnx file, with proof that both give the same numbers.")

_Checkpoint = Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A .pth file of `trainer fit`.")]


@app.command("to-onnx")
def to_onnx_(
    checkpoint: _Checkpoint,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The sealed model.  [default: beside CHECKPOINT, .onnx]"),
    ] = None,
    hf_dir: Annotated[Path | None, typer.Option(help="Also write the Hugging Face layout here.")] = None,
) -> None:
    """Export CHECKPOINT, prove parity with torch, and seal model, tokenizer and settings in one file.

    Example: exporter to-onnx best.pth
    """
    with needs_training_extra("exporter"):
        from exporter.exporting import ExportOptions, to_onnx

    result = to_onnx(ExportOptions(checkpoint, output, hf_dir))
    print(_parity_line(result.parity))
    print(f"saved {result.output} ({result.size / 1e6:.2f} MB)")


@app.command()
def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A sealed model.")], checkpoint: _Checkpoint
) -> None:
    """Prove again that MODEL gives the numbers of CHECKPOINT.

    Example: exporter check best.onnx best.pth
    """
    with needs_training_extra("exporter"):
        from exporter.exporting import check as check_parity

    print(_parity_line(check_parity(model, checkpoint)))


def _parity_line(parity: Parity) -> str:
    return (
        f"parity: {parity.logits:,} logits in {parity.cases} batches, largest difference "
        f"{parity.largest_difference:.2g} (tolerance {parity.tolerance:g})"
    )


def main() -> None:
    """Entry point of the console command."""
    run_command(app, "exporter")


if __name__ == "__main__":
    main()
