"""Is every entry of the list of resources whole, sorted, unique, and not known to be dead?"""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs/resources.md").read_text(encoding="utf-8")
ENTRY = re.compile(r"^- \[(?P<name>[^\]]+)\]\((?P<url>\S+)\): (?P<sentence>.+)$")
DEAD = ("paperswithcode.com", "pytorch.org/vision/stable/auto_examples/", "twitter.com")
"""Hosts and addresses that other pages on this material still name and that lead nowhere."""
BY_DATE = "Papers the book follows"
PACKAGED_WITH_PYTORCH = {"torch", "torchvision"}


def sections(text: str) -> dict[str, list[str]]:
    """The lines that begin an entry, by the heading above them."""
    found: dict[str, list[str]] = {}
    for part in text.split("\n## ")[1:]:
        title, *lines = part.splitlines()
        found[title] = [line for line in lines if line.startswith(("-", "*"))]
    return found


def key(section: str, name: str, url: str) -> str:
    """What a section is sorted by: the number of a paper, which begins with its year, or names."""
    return url.rpartition("/")[2] if section == BY_DATE else name.casefold()


def faults(text: str) -> list[str]:
    """Everything that is wrong with a list of resources."""
    found, seen = [], set()
    for section, lines in sections(text).items():
        keys = []
        for line in lines:
            if not (match := ENTRY.match(line)):
                found.append(f"no entry: {line}")
                continue
            url, sentence = match["url"], match["sentence"]
            host = urlsplit(url).netloc
            place = url.partition("://")[2].removeprefix("www.")
            keys.append(key(section, match["name"], url))
            found += [f"no https: {url}"] if not url.startswith("https://") else []
            found += [f"dead: {url}" for dead in DEAD if place.startswith(dead)]
            found += [f"twice: {url}"] if url.rstrip("/") in seen else []
            if len(sentence.split()) < 8 or not sentence.endswith("."):
                found.append(f"no sentence: {url}")
            if host == "arxiv.org" and not re.fullmatch(r"\d{4}\.\d{4,5}", url.rpartition("/")[2]):
                found.append(f"no arXiv number: {url}")
            if section == BY_DATE and host != "arxiv.org":
                found.append(f"no paper: {url}")
            seen.add(url.rstrip("/"))
        found += [f"order in {section}: {b}" for a, b in pairwise(keys) if a > b]
        found += [] if lines else [f"empty: {section}"]
    return found


def test_the_page_has_no_fault() -> None:
    assert faults(PAGE) == []
    assert sum(len(lines) for lines in sections(PAGE).values()) > 40


def test_every_link_of_the_page_is_an_entry() -> None:
    entries = [line for lines in sections(PAGE).values() for line in lines]
    assert PAGE.count("](") == len(entries)


def test_every_library_that_the_package_needs_is_named() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=!\[; ]", line)[0] for line in project["dependencies"]}
    named = {
        match["name"]
        for line in sections(PAGE)["Libraries the book uses"]
        if (match := ENTRY.match(line))
    }
    assert needed - named - PACKAGED_WITH_PYTORCH == set()


@pytest.mark.parametrize(
    ("there", "planted", "said"),
    [
        ("https://d2l.ai", "http://d2l.ai", "no https"),
        ("https://d2l.ai", "https://paperswithcode.com/sota", "dead"),
        ("https://d2l.ai", "https://www.paperswithcode.com", "dead"),
        ("https://d2l.ai", "https://www.deeplearningbook.org/", "twice"),
        ("abs/1412.6980", "abs/1412.69", "no arXiv number"),
        ("[Dive into", "[A dive into", "order in Books"),
        ("abs/1706.03762", "abs/9906.03762", "order in Papers"),
        (": bends a decision boundary while you watch, best", ": best", "no sentence"),
        ("- [fastbook](", "- fastbook (", "no entry"),
    ],
)  # fmt: skip
def test_a_planted_defect_is_found(there: str, planted: str, said: str) -> None:
    assert there in PAGE
    assert any(fault.startswith(said) for fault in faults(PAGE.replace(there, planted, 1)))
