"""How good a model is on labelled reviews."""
