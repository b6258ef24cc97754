"""What a sealed model can read: the languages that its card states, and the scripts of the words that it knows."""

import pyarrow.compute as pc
from tokenizers import Tokenizer

from scorer.arrow.arrays import strings
from scorer.model.sealed import SealedModel
from scorer.tokens.alphabets import script_shares, scripts_told

__all__ = ["languages_told", "stated_languages", "vocabulary_scripts"]

_SPECIAL = r"^(\[.*\]|<.*>)$"  # [UNK], <pad>: no words


def languages_told(sealed: SealedModel) -> str:
    """All of it in a line for people; cards of before state no language."""
    stated = ", ".join(stated_languages(sealed)) or "not stated"
    return f"language: {stated}; words that it knows: {scripts_told(vocabulary_scripts(sealed.tokenizer_json))}"


def stated_languages(sealed: SealedModel) -> list[str]:
    """ISO 639 codes; none if the card states none."""
    codes = sealed.card.training.get("languages")
    return [str(code) for code in codes] if isinstance(codes, list) else []


def vocabulary_scripts(tokenizer_json: str) -> dict[str, float]:
    """The share of each script among the words or pieces of words that a tokenizer knows."""
    tokenizer = Tokenizer.from_str(tokenizer_json)
    ids = sorted(tokenizer.get_vocab().values())
    pieces = strings(tokenizer.decode_batch([[one] for one in ids]))  # the library knows the letters of bytes
    return script_shares(pieces.filter(pc.invert(pc.match_substring_regex(pieces, _SPECIAL))))
