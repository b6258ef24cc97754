"""What training time and size give: accuracy of checkpoints, drawn.

python -m benchmarks.curves a.pth b.pth c.pth --figure curves.png

Left: held-out accuracy against minutes of training, teachers and epochs of each fit one after another. Right: accuracy
against the size of the LSTM's state; on the test split where `trainer evaluate --record` has put it into the
checkpoint, else on the held-out reviews.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from trainer.learning.checkpoint import Checkpoint, load_checkpoint


def steps(checkpoint: Checkpoint) -> Iterator[tuple[str, float, float]]:
    """Name, minutes since the beginning and held-out accuracy of every reader and epoch of a fit."""
    seconds = 0.0
    for name, reached in checkpoint.stages.items():
        seconds += reached["seconds"]
        accuracy = reached.get("held_out_accuracy", reached.get("out_of_fold_accuracy"))
        if accuracy and not name.startswith("stack"):  # a stack is no network
            yield name, seconds / 60, accuracy
    for record in checkpoint.history:
        seconds += record.seconds
        yield "", seconds / 60, record.validation_accuracy


def accuracy_of(checkpoint: Checkpoint) -> float:
    """The best known accuracy figure: test before held out."""
    metrics = checkpoint.metrics.get("test") or checkpoint.metrics["validation"]
    return float(metrics["accuracy"])


def draw(checkpoints: dict[str, Checkpoint]) -> Figure:
    """Both panels, for checkpoints by name."""
    figure = Figure(figsize=(11, 4.5), layout="constrained")
    times, sizes = figure.subplots(1, 2)
    for name, checkpoint in checkpoints.items():
        found = list(steps(checkpoint))
        times.plot([minutes for _, minutes, _ in found], [accuracy for *_, accuracy in found], marker=".", label=name)
        for step, minutes, accuracy in found:
            times.annotate(step, (minutes, accuracy), xytext=(4, -9), textcoords="offset points", fontsize=7)
        size, accuracy = checkpoint.network.hidden_dim, accuracy_of(checkpoint)
        sizes.scatter(size, accuracy)
        sizes.annotate(name, (size, accuracy), xytext=(5, 4), textcoords="offset points")
    times.set(xlabel="minutes of training", ylabel="held-out accuracy")
    times.legend()
    sizes.set(xlabel="size of the LSTM's state", ylabel="accuracy")
    sizes.margins(x=0.25, y=0.15)
    for axes in (times, sizes):
        axes.grid(alpha=0.3)
        axes.yaxis.set_major_formatter("{x:.2%}")
    return figure


def main() -> None:
    """Read, draw, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path, nargs="+")
    parser.add_argument("--figure", type=Path, default=Path("curves.png"))
    options = parser.parse_args()
    checkpoints = {path.stem: load_checkpoint(path) for path in options.checkpoints}
    for name, checkpoint in checkpoints.items():
        *_, (_, minutes, _) = steps(checkpoint)
        print(f"{name}: LSTM {checkpoint.network.hidden_dim}, {minutes:.0f} minutes, {accuracy_of(checkpoint):.2%}")
    draw(checkpoints).savefig(options.figure, dpi=120)


if __name__ == "__main__":
    main()
