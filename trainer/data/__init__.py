"""Reviews and labels: loaded, split, turned into ids and batches."""
