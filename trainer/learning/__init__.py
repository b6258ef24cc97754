"""Learning and judging: optimiser, checkpoint, evaluation, calibration, report."""
