"""The LSTM and its loss."""
