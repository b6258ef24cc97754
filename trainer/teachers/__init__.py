"""Teachers: large models that judge reviews softly, for a small network to learn from."""
