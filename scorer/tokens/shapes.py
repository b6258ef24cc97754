"""What a word of the corpus tokenizer is, in the terms of the Hugging Face `tokenizers` library.

There are two shapes, which `tokenizer.json` tells apart. `EVERY_SCRIPT` is what `trainer fit` makes. `A_TO_Z` is that
of the embedded model and of those made before: letters of other scripts stand alone, and their vowel signs are lost.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tokenizers import Regex, normalizers, pre_tokenizers

__all__ = ["A_TO_Z", "EVERY_SCRIPT", "LINE_BREAK", "NO_SPACES", "SHAPES", "Shape"]

LINE_BREAK = "<[bB][rR] ?/?>"  # reviews copied from web pages are full of them

# Thai, Lao, Burmese, Khmer, Chinese, Japanese: written without spaces, so each letter is a word, with its marks.
NO_SPACES = "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"
NO_SPACES += "\u3005-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_LETTER = rf"(?!{NO_SPACES})\p{{L}}"
_INNER = rf"(?:\p{{M}}|(?!{NO_SPACES})[\p{{L}}\p{{N}}])"
# "don't" and "сім'я" are one word; of "l'hôtel", where more than two Latin letters follow, three are made.
_NOT_LATIN = "[\u0370-\u1dff\u1f00-\U0010ffff]"
_ENDING = rf"(?:[a-z]{{1,2}}(?!{_INNER})|(?={_NOT_LATIN}){_LETTER}{_INNER}*)"
_WORD = rf"(?!{NO_SPACES})[\p{{L}}\p{{N}}]{_INNER}*(?:'{_ENDING})*"
_ALONE = rf"(?={NO_SPACES})\p{{L}}\p{{M}}*"

# Of decomposed text: what carries nothing, or is left out as often as it is written.
_INVISIBLE = "[\\p{Cf}\ufe00-\ufe0f\u20e3]"  # joiners, directions, soft hyphens, variants of emoji
_VOWEL_POINTS = "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652\u0670]"  # Hebrew, Arabic
_ACCENTS = "(?<=[\u0370-\u03ff])\\p{Mn}+"  # of Greek; scripts' own names are spelled otherwise in JavaScript
_ACCENTS += "|(?<=[\u0430\u0435\u0438\u043e\u0443\u044b\u044d\u044e\u044f\u0456])\u0301"  # stress, which nobody writes
_ACCENTS += "|(?<=\u0435)\u0308"  # ё is mostly written as е
_ACCENTS += "|(?<=\u0627)[\u0653-\u0655]"  # on alef
_ACCENTS += "|(?<=i)\u0307"  # what is left of the Turkish İ


@dataclass(frozen=True)
class Shape:
    """How a text becomes words."""

    steps: Callable[[], list[normalizers.Normalizer]]
    """What is done to it after line breaks have become spaces; made by need, for that takes a millisecond."""
    word: str
    """A word or sign of the normalized text; what lies between is left out."""

    @property
    def normalizer(self) -> normalizers.Normalizer:
        """All that is done to a text before it is split."""
        return normalizers.Sequence([_replace(LINE_BREAK, " "), *self.steps()])

    @property
    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        """Splits normalized text."""
        # Inverted: what matches is kept, what lies between is removed.
        return pre_tokenizers.Split(Regex(self.word), "removed", invert=True)


def _replace(pattern: str, content: str) -> normalizers.Normalizer:
    return normalizers.Replace(Regex(pattern), content)


def _a_to_z() -> list[normalizers.Normalizer]:
    return [
        normalizers.NFKD(),
        normalizers.StripAccents(),
        _replace("[‘’]", "'"),
        _replace("[“”]", '"'),
        normalizers.Lowercase(),
    ]


def _every_script() -> list[normalizers.Normalizer]:
    return [
        _replace("[‘’´ʼ]", "'"),
        _replace("[“”„«»]", '"'),
        normalizers.NFKD(),
        _replace(f"{_INVISIBLE}|{_VOWEL_POINTS}", ""),
        normalizers.Lowercase(),
        _replace(_ACCENTS, ""),
        _replace("ς", "σ"),
        _replace("ß", "ss"),
        normalizers.NFC(),
    ]


A_TO_Z = Shape(_a_to_z, r"[a-z0-9]+(?:'[a-z][a-z0-9]*)*|[^ \t-\r]")
EVERY_SCRIPT = Shape(_every_script, rf"{_WORD}|{_ALONE}|\S")
SHAPES = (EVERY_SCRIPT, A_TO_Z)
