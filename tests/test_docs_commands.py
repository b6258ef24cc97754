"""Every command that the documentation shows is taken as it stands, and every option that it names is there."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.cli import main as exporter
from scorer.cli.app import main as scorer
from tests.test_docs import ROOT
from trainer.cli import main as trainer

TOOLS = {"scorer": scorer, "trainer": trainer, "exporter": exporter}
OF_THE_PAST = {"CHANGELOG.md", "LOG.md"}
PAGES = [page for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")) if page.name not in OF_THE_PAST]
LINE = re.compile(r"^(?:    |\$ )?((?:scorer|trainer|exporter) [a-z].*)$", re.MULTILINE)
AFTER = re.compile(r" (?:#|\||>|<|&&)")
"""Where a command ends: at a comment, or where the shell goes on."""
OPTION = re.compile(r"`(?:(?:scorer|trainer|exporter) [^`]*)?(--[a-z][a-z-]+)")
OF_OTHER_TOOLS = {"--extra-index-url", "--kills", "--fuzz-cases", "--archives", "--cluster-kills", "--prices"}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each command in the blocks of a page."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    return (shlex.split(AFTER.split(line)[0]) for line in LINE.findall(text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_are_taken(page: Path) -> None:
    for tool, name, *arguments in commands(page):
        assert name in TOOLS[tool]._commands, f"{tool} {name}"
        parser, _ = TOOLS[tool]._parser_of(name)
        if "--config" in arguments:  # which may give what is required
            arguments += ["input", "-o", "output"]
        parser.parse_args(arguments)


def test_every_option_that_is_named_is_there() -> None:
    parsers = [tool._parser_of(name)[0] for tool in TOOLS.values() for name in tool._commands]
    known = {option for parser in parsers for option in parser._option_string_actions}
    for page in PAGES:
        named = set(OPTION.findall(page.read_text(encoding="utf-8")))
        assert named <= known | OF_OTHER_TOOLS, page.name
