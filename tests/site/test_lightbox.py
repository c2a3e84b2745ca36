"""Do figures open large, and close again, by keyboard alone?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FOCUS = "document.activeElement.outerHTML"


def test_open_and_close_by_keyboard(visit: Callable[..., Any]) -> None:
    seen = visit("/learn/01_workflow/")
    page = seen.page
    link = page.locator(".pdl-figure a.glightbox:visible").first
    link.focus()
    focused = page.evaluate(FOCUS)
    page.keyboard.press("Enter")
    box = page.locator(".glightbox-container")
    box.wait_for(timeout=10_000)
    page.locator(".gslide.current img").wait_for(timeout=10_000)

    page.keyboard.press("Escape")
    box.wait_for(state="detached", timeout=10_000)
    assert page.evaluate(FOCUS) == focused
    assert seen.errors == []
    assert seen.foreign == []


def test_hidden_twins_are_no_stops_of_the_keyboard(visit: Callable[..., Any]) -> None:
    """A link around the image of the other palette would be an empty stop."""
    page = visit("/learn/01_workflow/").page
    empty = page.locator(".pdl-figure a").evaluate_all(
        "links => links.filter(a => a.offsetParent !== null && !a.innerText.trim() &&"
        " ![...a.querySelectorAll('img')].some(i => i.offsetParent !== null)).length"
    )

    assert empty == 0
