"""Does a link to the API or to the glossary show what it leads to when the pointer rests on it?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_api_links_show_a_preview(visit: Callable[..., Any]) -> None:
    seen = visit("/learn/01_workflow/")
    page = seen.page
    link = page.locator('article a[data-preview][href*="api/"]:visible').first
    link.scroll_into_view_if_needed()
    link.hover()
    page.locator(".md-tooltip2--active, .md-tooltip--active").first.wait_for(timeout=10_000)

    assert seen.errors == []
    assert seen.foreign == []


@pytest.mark.parametrize("chapter", ["00_fundamentals", "01_workflow"])
def test_terms_of_the_glossary_are_explained_in_place(
    chapter: str, visit: Callable[..., Any]
) -> None:
    page = visit(f"/learn/{chapter}/").page

    assert page.locator("article abbr[title], article abbr[data-preview], article abbr").count() > 0
