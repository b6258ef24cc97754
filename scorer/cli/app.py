"""The `scorer` command.

scorer run reviews.parquet -o scored.parquet
scorer run reviews.csv -o scored.parquet --text-column body --status
scorer text "This movie was absolutely fantastic! I loved it."
scorer evaluate labelled.parquet --by source
scorer report scored.parquet --by shop --time date
scorer inspect best.onnx
"""

import gc
import os

from scorer import __version__
from scorer.cli.tool import Tool

__all__ = ["main"]

# numpy multiplies once, while a model is loaded; a thread for every core would spin long after.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# What is imported stays to the end; by default Python looks through it ninety times while it comes.
gc.set_threshold(100_000)

main = Tool("scorer", "Turn text reviews into sentiment probabilities, in bulk, on plain CPUs.", __version__)
main.command_in("scorer.cli.run", "run INPUT -o FILE", "Write every row of INPUT back with its sentiment.")
main.command_in("scorer.cli.text", "text [TEXT ...]", "Print the probability and the label of each TEXT.")
main.command_in("scorer.cli.evaluate", "evaluate INPUT", "Print how good a model is on the labelled rows of INPUT.")
main.command_in(
    "scorer.cli.report", "report INPUT", "Write one page on scored reviews: shares, groups, time, words, examples."
)
main.command_in(
    "scorer.cli.inspect", "inspect [MODEL]", "Verify a sealed MODEL, or the embedded one, and print its card."
)
main.complete_in_shells()
