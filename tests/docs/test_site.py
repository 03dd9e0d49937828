"""The site that ``make docs`` built: links inside it lead somewhere, and a reader's browser asks nobody else."""

import re
from functools import cache
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from pages import ROOT

SITE = ROOT / "docs" / "_build" / "html"
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

pytestmark = pytest.mark.site


class Page(HTMLParser):
    """Names of places in a page, what its links point to, and what a browser loads for it."""

    def __init__(self, text):
        super().__init__()
        self.places, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if given.get(LOADED.get(tag, "")):
            self.loads.append(given[LOADED[tag]])


@cache
def page(path):
    return Page(path.read_text())


@pytest.fixture(scope="module")
def site():
    pages = sorted(SITE.rglob("*.html"))
    assert pages, f"no site at {SITE}: make docs builds it"
    return pages


def test_links_lead_somewhere(site):
    dead = []
    for path in site:
        for link in page(path).links + page(path).loads:
            there = urlsplit(link)
            if there.scheme or there.netloc:
                continue
            target = (path.parent / unquote(there.path)).resolve() if there.path else path
            known = target.is_file() and (
                not there.fragment or target.suffix != ".html" or unquote(there.fragment) in page(target).places
            )
            if not known:
                dead.append(f"{path.relative_to(SITE)}: {link}")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(site):
    asked = {link for path in site for link in page(path).loads if urlsplit(link).netloc}
    styles = {
        link
        for path in [*SITE.rglob("*.css"), *site]
        for link in re.findall(r"(?:url\(|@import\s)\s*['\"]?((?:https?:)?//[^'\")\s]+)", path.read_text())
    }
    assert asked | styles == set()


def test_every_module_has_its_page(site):
    """The reference is complete: a page for every module of the four packages."""
    folders = ("md", "analysis", "learn", "pipelines")
    files = [path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py")]
    names = {".".join(("vitrify", *path.with_suffix("").parts)).removesuffix(".__init__") for path in files}
    assert names <= {path.stem for path in (SITE / "reference" / "api").glob("*.html")}
