"""Is every item of the curriculum found on a page, by readers and by programs?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

REPO_IDS = "tests/tutorials/ids.json"


def wanted(repo: Path) -> set[str]:
    """The ids of all chapters that the curriculum has so far."""
    chapters: dict[str, tuple[str, int]] = json.loads((repo / REPO_IDS).read_text())
    return {
        f"{prefix}.{number:02d}"
        for prefix, last in chapters.values()
        for number in range(1, last + 1)
    }


def test_every_item_leads_to_a_section_that_is_there(
    site: Path, pytestconfig: pytest.Config
) -> None:
    told: dict[str, list[str]] = json.loads((site / "coverage.json").read_text(encoding="utf-8"))

    assert set(told) == wanted(pytestconfig.rootpath)
    lost = []
    for item, addresses in told.items():
        assert addresses, item
        for address in addresses:
            page, _, anchor = address.partition("#")
            html = (site / page / "index.html").read_text(encoding="utf-8")
            if not re.search(rf'<h[1-6][^>]*\bid="?{re.escape(anchor)}["\s>]', html):
                lost.append(f"{item}: {address}")
    assert lost == []


def test_the_page_has_a_row_for_each_item(site: Path, pytestconfig: pytest.Config) -> None:
    html = (site / "coverage" / "index.html").read_text(encoding="utf-8")

    rows = set(re.findall(r"<td[^>]*>((?:I|\d\db?)\.\d\d)</td>", html))
    assert rows == wanted(pytestconfig.rootpath)
