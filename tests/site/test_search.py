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


@pytest.mark.parametrize("turn", ["key", "mouse", "touch"])
def test_the_index_is_fetched_when_the_reader_turns_to_the_search(
    turn: str, visit: Callable[..., Any]
) -> None:
    seen = visit("/", width=360 if turn == "touch" else 1280)
    page = seen.page
    page.wait_for_load_state("networkidle")
    assert not [address for address in seen.bytes if "search_index" in address]

    with page.expect_response("**/search/search_index.json"):
        if turn == "key":
            page.keyboard.press("/")
        elif turn == "mouse":
            page.locator(".md-search__input").hover()
        else:
            page.locator("label.md-header__button[for=__search]").click()
    assert seen.errors == []


def test_a_link_to_found_words_marks_them(visit: Callable[..., Any]) -> None:
    page = visit("/learn/01_workflow/?h=straight").page

    page.locator("mark[data-md-highlight]").first.wait_for(state="attached", timeout=15_000)


def test_outputs_are_not_searched(visit: Callable[..., Any]) -> None:
    """A printed tensor is no place to land; only prose and code are."""
    page = visit("/").page
    index = page.evaluate("fetch('search/search_index.json').then(answer => answer.text())")

    assert "pdl-stream" not in index


@pytest.mark.parametrize("width", [1280, 360])
def test_an_address_that_leads_nowhere_is_searched_for(
    width: int, visit: Callable[..., Any]
) -> None:
    """On a narrow screen the search would hide the page, so the reader starts it."""
    page = visit("/learn/99_transfer-learning/", width=width).page
    found = page.locator('.md-search-result__link[href*="learn/06_transfer_learning/"]').first
    button = page.get_by_role("button", name="Search for “transfer learning”")
    if width == 360:
        button.click()

    found.wait_for(state="attached", timeout=15_000)
    assert button.count() == 1
