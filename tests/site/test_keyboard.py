"""Can a reader without a mouse get to the text and through the page?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

IN_CONTENT = "document.activeElement.closest('article') !== null"
# The theme hides the radio buttons of the palette and draws the focus around their label.
FOCUS_IS_SEEN = """() => {
    const each = document.activeElement.matches(".md-option")
        ? document.activeElement.nextElementSibling : document.activeElement;
    const box = each.getBoundingClientRect();
    return each !== document.body && box.width > 0 && box.height > 0;
}"""


# A wait that polls must be a function: the page's content policy refuses to evaluate a text.
def test_the_first_stop_skips_to_the_text(visit: Callable[..., Any]) -> None:
    seen = visit("/learn/01_workflow/")
    page = seen.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("md-skip")

    page.keyboard.press("Enter")
    page.wait_for_function("() => location.hash.length > 1", polling=50)
    page.wait_for_function("() => document.activeElement === document.body", polling=50)
    page.keyboard.press("Tab")
    assert page.evaluate(IN_CONTENT), page.evaluate("document.activeElement.outerHTML")
    assert seen.errors == []


def test_tab_reaches_the_text_without_the_skip_link(visit: Callable[..., Any]) -> None:
    page = visit("/").page
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(FOCUS_IS_SEEN), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate(IN_CONTENT):
            return
    raise AssertionError("60 presses of Tab do not reach the text")


def test_folded_parts_open_by_keyboard(visit: Callable[..., Any]) -> None:
    page = visit("/learn/01_workflow/").page
    page.locator("details.pdl-solution > summary").first.focus()
    page.keyboard.press("Enter")

    assert page.locator("details.pdl-solution[open]").count() == 1
