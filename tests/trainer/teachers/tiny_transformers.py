"""Transformers small enough to be made in a test: random weights, a WordPiece vocabulary, a folder as of the hub."""

import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, BertModel

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
WORDS = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), ".", ",", "!", "?", "good", "bad", "film", "not"]


def wordpiece_tokenizer() -> Tokenizer:
    """Knows letters and a few words."""
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def save_tokenizer(folder: Path) -> None:
    """In the form that AutoTokenizer loads."""
    folder.mkdir(exist_ok=True)
    wordpiece_tokenizer().save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 40,
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def tiny_config(labels: list[str]) -> BertConfig:
    return BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=42,
        id2label=dict(enumerate(labels)),
        label2id={label: i for i, label in enumerate(labels)},
    )


def save_classifier(folder: Path, labels: list[str]) -> Path:
    """A BertForSequenceClassification with such labels."""
    save_tokenizer(folder)
    torch.manual_seed(0)
    BertForSequenceClassification(tiny_config(labels)).save_pretrained(folder)
    return folder


def save_encoder(folder: Path) -> Path:
    """A BertModel, without a head for labels."""
    save_tokenizer(folder)
    torch.manual_seed(0)
    BertModel(tiny_config(["a", "b"]), add_pooling_layer=False).save_pretrained(folder)
    return folder
