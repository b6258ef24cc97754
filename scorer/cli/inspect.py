"""`scorer inspect`: what a sealed model says of itself."""

from __future__ import annotations

from scorer.cli.arguments import json_argument, model_name
from scorer.cli.tool import ArgumentParser
from scorer.system.terminal import printable

TYPE_CHECKING = False
if TYPE_CHECKING:  # imported where they are used, so that --help and usage errors answer at once
    from pathlib import Path

__all__ = ["inspect", "inspect_arguments"]


def inspect_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of `scorer inspect`."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        type=model_name,
        nargs="?",
        default=model_name("default"),
        help="A sealed model, or hf://OWNER/NAME.  [default: the embedded one]",
    )
    json_argument(parser)


def inspect(*, model: Path | str, as_json: bool) -> None:
    """Verify a sealed MODEL, or the embedded one, and print its card.

    Example: scorer inspect best.onnx
    """
    from rich import print_json

    from scorer.model.languages import languages_told
    from scorer.model.sealed import find_model, read_sealed
    from scorer.system.limits import limited_memory

    with limited_memory():
        sealed = read_sealed(find_model(model))
    if as_json:
        print(sealed.card.to_json())
    else:
        size = f"{len(sealed.content) / 1e6:.2f} MB"
        print(f"{printable(sealed.name)}: sealed and unaltered, {size}, sha256 {sealed.sha256}")
        print(printable(languages_told(sealed)))
        print_json(sealed.card.to_json())
