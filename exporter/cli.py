"""The `exporter` command.

exporter to-onnx best.pth
exporter to-onnx best.pth -o model.onnx --hf-dir hub-folder
exporter to-onnx notebook.pth --tokenizer bert-folder --max-length 200
exporter check best.onnx best.pth
exporter demo best.onnx -o demo.html
exporter push best.onnx acme/reviews
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from scorer import __version__
from scorer.cli.arguments import file_path, json_argument, language_argument
from scorer.cli.tool import ArgumentParser, Tool, at_least, needs_extra
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from exporter.parity import Parity

main = Tool(
    "exporter", "Seal a fitted network into one .onnx file, with proof that both give the same numbers.", __version__
)


def _checkpoint_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", type=file_path, help="A .pth file of `trainer fit`, or the tutorial's."
    )


def _export_arguments(parser: ArgumentParser) -> None:
    _checkpoint_argument(parser)
    add = parser.add_argument
    add("--output", "-o", metavar="FILE", type=file_path, help="The sealed model.  [default: beside CHECKPOINT, .onnx]")
    add("--hf-dir", metavar="FOLDER", type=Path, help="Also write the Hugging Face layout here.")
    add("--force", action="store_true", help="Replace what was exported before; never the checkpoint.")
    language_argument(parser, "those of the fit")
    tutorial = parser.add_argument_group("For the tutorial's own checkpoint", "Which holds neither.")
    tutorial.add_argument("--tokenizer", metavar="FOLDER", help="Its tokenizer: a folder, or a hub id.")
    tutorial.add_argument("--max-length", metavar="N", type=at_least(1), help="Tokens to which texts were padded.")
    json_argument(parser)


@main.command("to-onnx CHECKPOINT", _export_arguments)
def to_onnx_(
    *, checkpoint: Path, output: Path | None, hf_dir: Path | None, force: bool, as_json: bool, **about: Any
) -> None:
    """Export CHECKPOINT, prove parity with torch, and seal model, tokenizer and settings in one file.

    Example: exporter to-onnx best.pth
    """
    with needs_extra("exporter"):
        from exporter.exporting import ExportOptions, to_onnx

    result = to_onnx(ExportOptions(checkpoint, output, hf_dir, force, **about))
    if as_json:
        print(json.dumps(asdict(result) | {"output": str(result.output)}))
        return
    if result.reading:
        print(printable(result.reading))
    print(_parity_line(result.parity))
    if not result.rewritten:
        print("graph: as torch traced it, slower than the fast one, which needs another --pooling than final_step")
    print(f"saved {printable(str(result.output))} ({result.size / 1e6:.2f} MB)")


def _check_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", type=file_path, help="A sealed model.")
    _checkpoint_argument(parser)
    json_argument(parser)


@main.command("check MODEL CHECKPOINT", _check_arguments)
def check(*, model: Path, checkpoint: Path, as_json: bool) -> None:
    """Prove again that MODEL gives the numbers of CHECKPOINT.

    Example: exporter check best.onnx best.pth
    """
    with needs_extra("exporter"):
        from exporter.exporting import check as check_parity

    parity = check_parity(model, checkpoint)
    print(json.dumps({"model": str(model), "parity": asdict(parity)}) if as_json else _parity_line(parity))


def _demo_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        type=file_path,
        nargs="?",
        help="A sealed model.  [default: $SCORER_MODEL, else ./best.onnx, else the embedded one]",
    )
    add("--output", "-o", metavar="FILE", type=file_path, help="The page.  [default: demo.html]", default="demo.html")
    add("--force", action="store_true", help="Replace an earlier page.")
    json_argument(parser)


@main.command("demo [MODEL]", _demo_arguments)
def demo(*, model: Path | None, output: Path, force: bool, as_json: bool) -> None:
    """Write one page in which MODEL reads what a visitor types, and shows which words say so; it asks for nothing.

    Example: exporter demo best.onnx -o demo.html
    """
    with needs_extra("exporter demo", "report"):
        from exporter.demo import DemoOptions, write_demo

    result = write_demo(DemoOptions(model, output, force))
    if as_json:
        print(json.dumps(asdict(result) | {"output": str(result.output), "model": str(result.model)}))
        return
    print(f"model: {printable(str(result.model))} ({result.model_size / 1e6:.2f} MB)")
    print(f"saved {printable(str(result.output))} ({result.size / 1e6:.2f} MB)")


def _push_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("model", metavar="MODEL", type=file_path, help="A sealed model.")
    add("repository", metavar="OWNER/NAME", help="Its repository on the Hugging Face hub, which is made if it is none.")
    add("--private", action="store_true", help="Show a repository that is made now to nobody else.")
    add("--force", action="store_true", help="Replace the README.md of the repository.")
    json_argument(parser)


@main.command("push MODEL OWNER/NAME", _push_arguments)
def push(*, model: Path, repository: str, private: bool, force: bool, as_json: bool) -> None:
    """Upload MODEL to the Hugging Face hub, for scorer, Optimum and transformers.js, with a model card.

    Example: exporter push best.onnx acme/reviews
    """
    with needs_extra("exporter"):
        from exporter.pushing import PushOptions
        from exporter.pushing import push as push_to_hub

    result = push_to_hub(PushOptions(model, repository, private, force))
    if as_json:
        print(json.dumps(result.as_dict()))
        return
    print(f"pushed {', '.join(result.files)}: {printable(result.url)}")
    if result.kept_card:
        print("README.md is there already, and stays as it is; --force replaces it")
    print(f"to score with it: --model hf://{result.repository}, or just this one: @{result.commit[:12]} after that")


def _parity_line(parity: Parity) -> str:
    return (
        f"parity: {parity.logits:,} logits in {parity.cases} batches, largest difference "
        f"{parity.largest_difference:.2g} (tolerance {parity.tolerance:g}; of logits above 1 a share of their size)"
    )


main.complete_in_shells()

if __name__ == "__main__":
    main()
