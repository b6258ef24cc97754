"""A program of another environment: texts on stdin, scores of models' folders on stdout, by Optimum's libraries."""

import json
import sys

from optimum.onnxruntime import ORTModelForSequenceClassification
from optimum.onnxruntime import pipeline as optimum_pipeline
from transformers import AutoTokenizer, pipeline

texts, found = json.load(sys.stdin), []
for folder in sys.argv[1:]:
    model, tokenizer = ORTModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    ask = pipeline("text-classification", model=model, tokenizer=tokenizer)
    ways = {
        "one by one": [ask(text, top_k=None) for text in texts],
        "in batches": ask(texts, batch_size=4, top_k=None),
        "truncated": ask(texts, batch_size=4, top_k=None, truncation=True),
        "optimum's pipeline": optimum_pipeline("text-classification", folder)(texts, top_k=None),
    }
    found.append(ways)
json.dump(found, sys.stdout)
