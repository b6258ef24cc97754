"""Arrow columns: made, found and decoded."""
