"""Fit an LSTM sentiment classifier to labelled reviews."""
