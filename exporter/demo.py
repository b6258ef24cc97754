"""From a sealed model to one page in which it reads what a visitor types; the page asks for nothing.

The page carries the sealed file itself, packed, and reads it by the modules in `web/`: the file's fields, text to ids,
the LSTM, the words' effects. onnxruntime's own build for browsers would give the same numbers, but brings 14 MB of
WebAssembly, which a content security policy has to allow, to a model of 7 MB; these modules have 25 kB. What
onnxruntime says of some texts goes into the page as well, and it shows nothing unless it computes the same.
"""

import gzip
import json
import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from exporter.errors import ExportError
from scorer.model.fold import fold_tables
from scorer.model.sealed import EMBEDDED_MODEL, SealedModel, find_model
from scorer.report.page import Custom, Page, Prose, Section, render
from scorer.scoring import Scorer
from scorer.system.atomic import require_place, write_aside
from scorer.tokens.words import WordEncoder

__all__ = ["DemoOptions", "DemoResult", "write_demo"]

_WEB = Path(__file__).with_name("web")
_MODULES = ("sealed", "words", "network", "effects", "reader", "demo")  # each imports only those before it
_PROBES = (
    "",
    "An unexpected delight: I'd see it again tomorrow.",
    "It isn't worth the money.<br />Broke after a week, twice!",
    "“Très” déçu… ÉPOUVANTABLE, 3½ of 10 — ﬁnally ＦＲＥＥ of it. 日本 🙂",
    "Good enough, no more, and no less; the second half drags. " * 60,
)
_HOW = (
    "Everything happens on this page: the model is a part of it, and nothing that you type leaves it.",
    "A word's effect is how far the log-odds of {positive} fall when an unknown word stands in its place. The colours "
    "compare the words of one text; the numbers in the lists compare texts as well.",
)


@dataclass(frozen=True)
class DemoOptions:
    """What `exporter demo` is asked to do."""

    model: Path | None = None
    """None looks for one as `scorer run` does."""
    output: Path = Path("demo.html")
    force: bool = False
    """Replace an earlier page."""


@dataclass(frozen=True)
class DemoResult:
    """What was written."""

    output: Path
    model: Path
    size: int
    """Bytes of the page."""
    model_size: int


def write_demo(options: DemoOptions) -> DemoResult:
    """Write the page; raises `ModelError` for what is no sealed model, `ExportError` for one that it cannot read."""
    require_place(options.output)
    if options.output.exists() and not options.force:
        raise ExportError(f"{options.output}: exists already; name another output, or replace it with --force")
    scorer = Scorer.open(find_model(options.model))
    content = render(_page(scorer)).encode()
    with write_aside(options.output) as partial:
        partial.write_bytes(content)
    return DemoResult(options.output, scorer.sealed.path, len(content), len(scorer.sealed.content))


def _page(scorer: Scorer) -> Page:
    sealed = scorer.sealed
    _refuse_others(sealed)
    negative, positive = sealed.card.labels
    how = Prose([text.format(positive=positive) for text in _HOW])
    return Page(
        title="What does it make of your review?",
        kicker="Sentiment, as you type",
        lead=f"Type or paste a review: how likely it is {positive} rather than {negative}, and which words say so.",
        sections=[
            Section("Try it", [Custom(Markup(_file("demo.html")))]),
            Section("How", [how, Custom(_proof(scorer))]),
        ],
        facts=_facts(sealed),
        style=_file("demo.css"),
        script="".join(map(_module, _MODULES)),
    )


def _refuse_others(sealed: SealedModel) -> None:
    if WordEncoder.for_tokenizer(json.loads(sealed.tokenizer_json)) is None:
        raise ExportError(
            f"{sealed.path}: a page can read words of `trainer fit --tokenizer corpus` only, not its tokens"
        )
    if fold_tables(sealed.content)[1] is None:
        raise ExportError(f"{sealed.path}: a page needs the fast graph, for which a fit takes --pooling max_mean or so")


def _proof(scorer: Scorer) -> Markup:
    """The sealed file, texts with their probabilities, and where the page says how far it is from them."""
    probes = json.dumps(list(zip(_PROBES, scorer.score(list(_PROBES)), strict=True))).replace("<", "\\u003c")
    model = b64encode(gzip.compress(scorer.sealed.content, 9, mtime=0)).decode()
    return Markup(
        '<p class="note wide" id="proof"></p>\n'
        f'<script type="application/json" id="probes">{probes}</script>\n'
        f'<script type="application/octet-stream" id="model">{model}</script>'
    )


def _facts(sealed: SealedModel) -> list[tuple[str, str]]:
    data = sealed.card.training.get("data")
    name = "the embedded default" if sealed.path == EMBEDDED_MODEL else sealed.path.name
    facts = [("Model", f"{name}, {len(sealed.content) / 1e6:.2f} MB"), ("sha256", sealed.sha256)]
    return [*facts, *([("Learned from", str(data["name"]))] if isinstance(data, dict) and "name" in data else [])]


def _module(name: str) -> str:
    """An ES module as a part of one classic script: a function of its own, whose exports become constants."""
    body = re.sub(r"^import .*\n", "", _file(f"{name}.mjs"), flags=re.MULTILINE)
    exports = ", ".join(re.findall(r"^export (?:const|class|function\*?) (\w+)", body, re.MULTILINE))
    body = re.sub(r"^export ", "", body, flags=re.MULTILINE)
    return f"const {{ {exports} }} = (() => {{\n{body}return {{ {exports} }};\n}})();\n"


def _file(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")
