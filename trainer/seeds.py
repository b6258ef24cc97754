"""Seeds of parts of a fit, each from the fit's own, so that a resumed one need not know how far the last one drew."""

__all__ = ["epoch_seed", "step_seed"]


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of one epoch; epochs below 10,007 of different fits never share one."""
    return seed * 10_007 + epoch


def step_seed(seed: int, step: int) -> int:
    """The seed of one step of what has `seed`; as `epoch_seed`, for up to a million steps."""
    return seed * 1_000_003 + step
