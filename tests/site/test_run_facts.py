"""Does each chapter say truly what ran, where, and when?"""

from __future__ import annotations

import importlib.metadata
import json
import platform
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

KINDS: dict[str, type | tuple[type, ...]] = {
    "title": str,
    "order": int,
    "minutes": int,
    "gives": list,
    "started": str,
    "seconds": (int, float),
    "peak_memory_mb": int,
    "commit": str,
    "python": str,
    "packages": dict,
    "device": str,
    "threads": int,
    "data": list,
    "checks": int,
    "cells": int,
}
TUTORIALS = Path(__file__).parents[2] / "tutorials"


@pytest.fixture(params=sorted(TUTORIALS.glob("*.py")), ids=lambda path: path.stem)
def facts(request: pytest.FixtureRequest, site: Path) -> dict[str, Any]:
    """The facts of one chapter's run."""
    file = site / "learn" / request.param.stem / "run.json"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def test_the_facts_are_complete(facts: dict[str, Any]) -> None:
    wrong = {
        key: facts.get(key) for key, kind in KINDS.items() if not isinstance(facts.get(key), kind)
    }

    assert wrong == {}
    assert facts["seconds"] > 0
    assert facts["peak_memory_mb"] > 0
    assert facts["threads"] >= 0
    assert facts["cells"] > facts["checks"] >= 0
    assert facts["gives"]


def test_the_versions_are_the_installed_ones(facts: dict[str, Any]) -> None:
    """A kept run of other versions must not be shown."""
    assert facts["python"] == platform.python_version()
    assert {"torch"} <= facts["packages"].keys()
    for name, version in facts["packages"].items():
        assert version == importlib.metadata.version(name)


def test_the_time_is_a_time(facts: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", facts["started"])
    assert datetime.fromisoformat(facts["started"]).year >= 2026


def test_the_page_shows_the_run(chapters: list[Path]) -> None:
    for chapter in chapters:
        facts = json.loads((chapter / "run.json").read_text(encoding="utf-8"))
        html = (chapter / "index.html").read_text(encoding="utf-8")
        card = html[html.index('class="pdl-run"') :].partition("</details>")[0]
        assert facts["python"] in card
        assert facts["packages"]["torch"] in card
        assert facts["device"] in card
        assert f"{facts['checks']} claims" in card
        assert html.count('class="pdl-check"') >= facts["checks"] > 0
