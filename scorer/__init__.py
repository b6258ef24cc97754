"""Text reviews to sentiment probabilities, in bulk, on plain CPUs."""

__all__ = ["__version__"]

__version__ = "0.1.0"
