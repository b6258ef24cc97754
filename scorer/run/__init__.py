"""One scoring job from its inputs to its finished output."""
