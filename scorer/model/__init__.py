"""The sealed model: its file, its network, and the batches that the network runs."""
