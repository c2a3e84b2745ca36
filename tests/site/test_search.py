"""Does search find what is said in the chapters and in the docstrings?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ("matmul", "learn/00_fundamentals/"),
        ("straight line", "learn/01_workflow/"),
        ("plot_loss_curves", "api/plotting/"),
        ("warmup_cosine", "api/optim/"),
        ("LinearRegression", "api/models.linear/"),
    ],
)
def test_search_leads_to(words: str, place: str, visit: Callable[..., Any]) -> None:
    seen = visit("/")
    page = seen.page
    page.keyboard.press("/")
    page.keyboard.type(words)

    found = page.locator(f'.md-search-result__link[href*="{place}"]').first
    found.wait_for(state="attached", timeout=15_000)
    assert seen.errors == []


def test_outputs_are_not_searched(visit: Callable[..., Any]) -> None:
    """A printed tensor is no place to land; only prose and code are."""
    page = visit("/").page
    index = page.evaluate("fetch('search/search_index.json').then(answer => answer.text())")

    assert "pdl-stream" not in index
