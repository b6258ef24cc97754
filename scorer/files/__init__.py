"""File formats, each read and written, and the places that bytes come from and go to."""
