"""The tokenizer of a fit: learned from its training text, or one that exists already."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from tokenizers import Tokenizer

from scorer.tokens.words import PAD, WordEncoder, word_tokenizer
from trainer.data.reviews import column_of
from trainer.data.splits import Splits
from trainer.errors import TrainerError
from trainer.recipes import Recipe

__all__ = ["LEAST_COUNT", "learn_tokenizer", "load_tokenizer", "make_tokenizer", "pad_id_of", "padding_of"]

LEAST_COUNT = 2  # a word seen once cannot teach the network anything


def make_tokenizer(recipe: Recipe, splits: Splits) -> Tokenizer:
    """The recipe's tokenizer: learned from all training text, labelled or not, or loaded by its name."""
    if recipe.tokenizer != "corpus":
        return load_tokenizer(recipe.tokenizer, ", or learn one: --tokenizer corpus")
    parts = [splits.train] if splits.unlabelled is None else [splits.train, splits.unlabelled]
    return learn_tokenizer(pa.chunked_array([column_of(part, "text") for part in parts]), recipe.vocab_size)


def learn_tokenizer(texts: pa.ChunkedArray, vocab_size: int) -> Tokenizer:
    """A word-level tokenizer of the `vocab_size` most frequent words in `texts`, ties in alphabetical order."""
    splitter = WordEncoder(word_tokenizer([]).get_vocab())
    counts = pa.chunked_array([splitter.split(chunk)[0].value_counts() for chunk in texts.chunks])
    table = pa.table({"word": pc.struct_field(counts, "values"), "count": pc.struct_field(counts, "counts")})
    table = table.group_by("word").aggregate([("count", "sum")])
    table = table.filter(pc.field("count_sum") >= LEAST_COUNT)
    table = table.sort_by([("count_sum", "descending"), ("word", "ascending")])
    return word_tokenizer(table["word"].slice(0, vocab_size).to_pylist())


def load_tokenizer(name: str, otherwise: str = "") -> Tokenizer:
    """The tokenizer that AutoTokenizer finds for a hub id or a folder.

    Raises `TrainerError` if there is none, which ends with what else could be done, `otherwise`.
    """
    from transformers import AutoTokenizer, logging  # takes seconds, and most fits learn their own

    if not Path(name).exists() and (name.count("/") > 1 or name.startswith((".", "/"))):
        raise TrainerError(f"--tokenizer {name}: no such folder; name one that holds its tokenizer.json{otherwise}")
    logging.set_verbosity_error()
    try:
        loaded = AutoTokenizer.from_pretrained(name)
    except Exception as error:  # hub, network and parser errors share no base
        raise TrainerError(
            f"cannot load tokenizer {name!r}: {str(error).splitlines()[0]}; without network name a local folder that "
            f"holds its tokenizer.json{otherwise}"
        ) from error
    if not loaded.is_fast:
        raise TrainerError(f"tokenizer {name!r} has no fast form (tokenizer.json); choose one that has")
    return Tokenizer.from_str(loaded.backend_tokenizer.to_str())


def padding_of(tokenizer: Tokenizer) -> int | None:
    """The id of `[PAD]` or `<pad>`, if there is one."""
    return next((i for i in map(tokenizer.token_to_id, (PAD, "<pad>")) if i is not None), None)


def pad_id_of(tokenizer: Tokenizer) -> int:
    """The padding's id, else 0: any id does, because the mask covers it."""
    return padding_of(tokenizer) or 0
