"""The `scorer` command.

scorer run reviews.parquet -o scored.parquet
scorer run reviews.csv -o scored.parquet --text-column body --status
scorer text "This movie was absolutely fantastic! I loved it."
scorer evaluate labelled.parquet --by source
scorer inspect best.onnx
"""

import os

from scorer import __version__
from scorer.cli.evaluate import evaluate, evaluate_arguments
from scorer.cli.inspect import inspect, inspect_arguments
from scorer.cli.run import run, run_arguments
from scorer.cli.text import text, text_arguments
from scorer.cli.tool import Tool

__all__ = ["main"]

# numpy multiplies once, while a model is loaded; a thread for every core would spin long after.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

main = Tool("scorer", "Turn text reviews into sentiment probabilities, in bulk, on plain CPUs.", __version__)
main.command("run INPUT -o FILE", run_arguments)(run)
main.command("text [TEXT ...]", text_arguments)(text)
main.command("evaluate INPUT", evaluate_arguments)(evaluate)
main.command("inspect MODEL", inspect_arguments)(inspect)
