"""The layout of the Hugging Face hub, which Optimum, transformers pipelines and transformers.js open."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from exporter.framing import framed
from scorer.model.sealed import Card, SealedModel
from scorer.system.atomic import write_aside
from scorer.tokens.encoder import TextEncoder
from scorer.tokens.words import UNKNOWN

__all__ = ["MODEL_FILE", "huggingface_files", "write_huggingface_folder"]

MODEL_FILE = "model.onnx"

_MODEL_TYPE = "bert"
"""Whose pipelines ask for ids and mask and take a softmax of logits: libraries refuse types that they do not know."""


def write_huggingface_folder(folder: Path, sealed: SealedModel) -> None:
    """Write `huggingface_files` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in huggingface_files(sealed).items():
        with write_aside(folder / name) as partial:
            partial.write_bytes(content)


def huggingface_files(sealed: SealedModel) -> Mapping[str, bytes]:
    """`model.onnx`, `config.json`, `tokenizer.json` and `tokenizer_config.json` of a sealed model."""
    encoder = TextEncoder(sealed.tokenizer_json, sealed.card.text)
    tokenizer = Tokenizer.from_str(sealed.tokenizer_json)
    tokenizer.no_truncation()  # whatever the file says of somebody's last call
    tokenizer.no_padding()
    return {
        MODEL_FILE: framed(sealed.content, encoder),
        "tokenizer.json": tokenizer.to_str().encode(),
        "config.json": _json(_config(sealed.card, tokenizer)),
        "tokenizer_config.json": _json(_tokenizer_config(tokenizer, encoder)),
    }


def _config(card: Card, tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "model_type": _MODEL_TYPE,
        "architectures": ["BertForSequenceClassification"],
        "num_labels": len(card.labels),
        "id2label": dict(enumerate(card.labels)),
        "label2id": {label: i for i, label in enumerate(card.labels)},
        "pad_token_id": card.text.pad_id,
        "vocab_size": tokenizer.get_vocab_size(),
    }


def _tokenizer_config(tokenizer: Tokenizer, encoder: TextEncoder) -> dict[str, Any]:
    settings, (_, suffix) = encoder.settings, encoder.special_tokens
    # The graph cuts by itself; transformers.js, told to, would cut off the special tokens at the end.
    longest = {} if suffix else {"model_max_length": settings.max_length}
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        **longest,
        "truncation_side": "left" if settings.keep == "tail" else "right",
        "padding_side": "right",
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": tokenizer.id_to_token(settings.pad_id),
        **({"unk_token": UNKNOWN} if tokenizer.token_to_id(UNKNOWN) is not None else {}),
    }


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()
