"""Which scripts words are written in, as Arrow's regular expressions know Unicode's scripts."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scorer.arrow.arrays import integers_of

__all__ = ["script_shares", "scripts_told"]

_SCRIPTS = (
    *("Latin", "Cyrillic", "Greek", "Armenian", "Georgian", "Hebrew", "Arabic", "Syriac", "Thaana", "Nko", "Tifinagh"),
    *("Devanagari", "Bengali", "Gurmukhi", "Gujarati", "Oriya", "Tamil", "Telugu", "Kannada", "Malayalam", "Sinhala"),
    *("Thai", "Lao", "Khmer", "Myanmar", "Tibetan", "Mongolian", "Ethiopic", "Cherokee", "Canadian_Aboriginal"),
    *("Han", "Hiragana", "Katakana", "Hangul", "Bopomofo", "Yi", "Javanese", "Balinese", "Ol_Chiki", "Adlam"),
)
_LEAST, _LEAST_TOLD = 0.001, 0.01
"""Of fewer words than that a script is not named: everybody quotes a foreign word."""


def script_shares(words: pa.Array, counts: NDArray[np.int64] | None = None) -> dict[str, float]:
    """The share of each script among `words` [words] that have a letter, the largest first.

    A word is of its first letter's script, and counts as often as `counts` [words] says.
    """
    letters = pc.struct_field(pc.extract_regex(words, r"(?P<letter>\p{L})"), "letter")
    found = pc.is_valid(letters)
    encoded = letters.filter(found).dictionary_encode()
    times = None if counts is None else counts[found.to_numpy(zero_copy_only=False)]
    by_letter = np.bincount(integers_of(encoded.indices), times, len(encoded.dictionary))
    totals = {one: by_letter[_is_of(encoded.dictionary, one)].sum() for one in _SCRIPTS}
    shares = {one: round(float(total / max(by_letter.sum(), 1)), 4) for one, total in totals.items()}
    return {one: shares[one] for one in sorted(shares, key=lambda one: -shares[one]) if shares[one] >= _LEAST}


def _is_of(letters: pa.Array, script: str) -> NDArray[np.bool_]:
    flags: NDArray[np.bool_] = pc.match_substring_regex(letters, rf"\p{{{script}}}").to_numpy(zero_copy_only=False)
    return flags


def scripts_told(shares: Mapping[str, float]) -> str:
    """Shares for people, as in `Latin 98%, Cyrillic 2%`; a script of hardly any words is not named."""
    return ", ".join(f"{one} {share:.0%}" for one, share in shares.items() if share >= _LEAST_TOLD) or "none"
