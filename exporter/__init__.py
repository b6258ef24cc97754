"""Checkpoint to sealed ONNX model, with proof that both give the same numbers."""
