"""What a page holds: its commands, its Python, its links and its headings."""

import re
import shlex
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("**/*.md"))]
COMMANDS = "commands.md"
"""Written by make docs, as the pages of modules are."""
PAGES = [page for page in PAGES if page.name != COMMANDS and "_build" not in page.parts]


def tokens(page):
    return MarkdownIt("commonmark").enable("table").parse(page.read_text())


def code(page):
    """(language, text) of each block of code; an indented one has no language."""
    return [(token.info, token.content) for token in tokens(page) if token.type in ("fence", "code_block")]


def commands_in(text):
    """Every line that begins with ``vitrify``, as a shell would split it: after lines that go on, without comments."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    ours = [line.removeprefix("$ ") for line in lines if re.match(r"(\$ )?vitrify\b", line)]
    split = [shlex.split(line, comments=True) for line in ours]
    return [words[1 : words.index("&&")] if "&&" in words else words[1:] for words in split]


def commands(page):
    """Every command of a page."""
    return [words for language, text in code(page) if language in ("", "console") for words in commands_in(text)]


def links(page):
    """Where links and pictures point, those in HTML included."""
    inline = [child for token in tokens(page) if token.type == "inline" for child in token.children]
    pointing = [child for child in inline if child.type in ("link_open", "image")]
    written = [child.attrGet("href") or child.attrGet("src") for child in pointing]
    html = "".join(item.content for item in [*inline, *tokens(page)] if item.type.startswith("html"))
    return written + re.findall(r'(?:href|src)="([^"]+)"', html)


def anchors(page):
    """What ``#anchor`` may follow a page: its headings as GitHub and MyST write them."""
    every = tokens(page)
    headings = [every[place + 1].content for place, token in enumerate(every) if token.type == "heading_open"]
    plain = [re.sub(r"<[^>]+>|[`*]", "", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}
