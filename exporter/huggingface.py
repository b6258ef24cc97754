"""The Hugging Face layout, for Optimum and transformers pipelines."""

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from scorer.model.sealed import Card
from scorer.system.atomic import write_aside
from scorer.tokens.words import UNKNOWN

__all__ = ["write_huggingface_folder"]


def write_huggingface_folder(folder: Path, graph: bytes, tokenizer_json: str, card: Card) -> None:
    """Write `model.onnx`, `config.json`, `tokenizer.json` and `tokenizer_config.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "model.onnx", graph)
    _write(folder / "tokenizer.json", tokenizer_json.encode())
    _write(folder / "config.json", _json(_config(card)))
    _write(folder / "tokenizer_config.json", _json(_tokenizer_config(Tokenizer.from_str(tokenizer_json), card)))


def _config(card: Card) -> dict[str, Any]:
    return {
        "model_type": "sentiment-lstm",
        "architectures": ["SentimentLSTM"],
        "num_labels": len(card.labels),
        "id2label": dict(enumerate(card.labels)),
        "label2id": {label: i for i, label in enumerate(card.labels)},
        "pad_token_id": card.text.pad_id,
    }


def _tokenizer_config(tokenizer: Tokenizer, card: Card) -> dict[str, Any]:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": card.text.max_length,
        "truncation_side": "left" if card.text.keep == "tail" else "right",
        "padding_side": "right",
        "model_input_names": ["input_ids", "attention_mask"],
        "pad_token": tokenizer.id_to_token(card.text.pad_id),
        **({"unk_token": UNKNOWN} if tokenizer.token_to_id(UNKNOWN) is not None else {}),
    }


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _write(path: Path, content: bytes) -> None:
    with write_aside(path) as partial:
        partial.write_bytes(content)
