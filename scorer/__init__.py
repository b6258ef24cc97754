"""Text reviews to sentiment probabilities, in bulk, on plain CPUs.

>>> from scorer import Scorer
>>> scorer = Scorer.open()
>>> scorer.labels(scorer.score(["This movie was absolutely fantastic!", "Dull, slow and badly acted."]))
['positive', 'negative']
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scorer.errors import OnError
    from scorer.scores import ScoreColumns
    from scorer.scoring import Scorer

__all__ = ["OnError", "ScoreColumns", "Scorer", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """What the package offers, imported when it is asked for: `import scorer` itself loads nothing."""
    if name == "Scorer":
        from scorer.scoring import Scorer

        return Scorer
    if name == "ScoreColumns":
        from scorer.scores import ScoreColumns

        return ScoreColumns
    if name == "OnError":
        from scorer.errors import OnError

        return OnError
    raise AttributeError(f"module 'scorer' has no attribute {name!r}")
