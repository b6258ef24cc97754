"""Text to ids, the same in training and in serving."""
