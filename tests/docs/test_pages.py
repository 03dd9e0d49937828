"""Pages name no command that does not run and point nowhere that is not there."""

import re
import shlex
from urllib.parse import urlsplit

import pytest
from pages import COMMANDS, PAGES, ROOT, anchors, commands, links
from typer.main import get_command

from vitrify.pipelines.cli import application

VITRIFY = get_command(application())


def parsed(words):
    """Parse a command line without running it, as the command line itself does; raises where it would refuse it."""
    command, name = VITRIFY, "vitrify"
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            raise ValueError(f"no such command: {words[0]}")
        name, command, words = words[0], command.commands[words[0]], words[1:]
    return command.make_context(name, list(words), resilient_parsing=words == ["--version"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one(page):
    for words in commands(page):
        try:
            parsed(words)
        except Exception as error:
            pytest.fail(f"{page.name}: vitrify {shlex.join(words)}: {error}")


@pytest.mark.parametrize("words", ["cool --ramp-step 2e5 --out run", "cool --out run", "chill run", "train mpnn data"])
def test_what_would_not_run_is_found(words):
    with pytest.raises(Exception, match=r"[Nn]o such|[Mm]issing"):
        parsed(shlex.split(words))


def written_by_make_docs(page):
    """Whether a page that is not in the repository is that of the commands, or of a module that there is."""
    module = page.stem.removeprefix("vitrify.").replace(".", "/")
    return page.name == COMMANDS or any((ROOT / f"{module}{end}").is_file() for end in (".py", "/__init__.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for link in links(page):
        there = urlsplit(link)
        if there.scheme:
            assert there.scheme in ("http", "https", "mailto"), f"{page.name}: {link}"
            assert re.fullmatch(r"[\w-]+(\.[\w-]+)+", there.netloc), f"{page.name}: {link}"
            continue
        target = page.parent / there.path if there.path else page
        assert target.exists() or written_by_make_docs(target), f"{page.name}: {link}"
        if there.fragment and target.suffix == ".md":
            assert there.fragment in anchors(target), f"{page.name}: {link}"
