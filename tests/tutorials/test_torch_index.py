"""Does every function and class of PyTorch that the chapters call have an address?"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml

from pdl_site.foreign import documented
from pdl_site.imports import foreign_names
from pdl_site.script import read_chapter

ROOT = Path(__file__).parents[2]
UNDOCUMENTED = {"torch.utils.flop_counter.FlopCounterMode"}
"""Without a page in PyTorch's documentation."""


def resolve(name: str) -> Any:
    """The object behind a dotted name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ImportError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(name)


@pytest.mark.parametrize("package", ["torch", "torchvision"])
def test_what_the_chapters_call_is_in_the_index(package: str) -> None:
    text = (ROOT / "docs/includes/torch_urls.yml").read_text(encoding="utf-8")
    known = yaml.safe_load(text)
    missing = set()
    for path in sorted((ROOT / "tutorials").glob("*.py")):
        cells = read_chapter(path, ROOT).code_cells
        for name in set().union(*foreign_names((cell.source for cell in cells), package)):
            found = resolve(name)
            owner = documented(name, known)
            is_listed = owner and not inspect.ismodule(resolve(owner))
            if callable(found) and not inspect.ismodule(found) and not is_listed:
                missing.add(name)
    assert missing - UNDOCUMENTED == set()
    assert {name for name in UNDOCUMENTED if name in known} == set()
