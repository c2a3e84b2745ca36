"""Can a reader without a mouse get to the text and through the page?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

IN_CONTENT = "document.activeElement.closest('article') !== null"
IN_DRAWER = "document.activeElement.closest('.md-sidebar--primary') !== null"
IS_ON_TOP = """() => {
    const each = document.activeElement, box = each.getBoundingClientRect();
    return each.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
}"""
FOCUS_IS_SEEN = """() => {
    const box = document.activeElement.getBoundingClientRect();
    return document.activeElement !== document.body && box.width > 0 && box.height > 0;
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


def test_a_shut_drawer_is_no_stop(visit: Callable[..., Any]) -> None:
    """On a telephone the navigation waits beside the page, and the keyboard goes by."""
    page = visit("/learn/01_workflow/", width=360).page
    for _ in range(60):
        page.keyboard.press("Tab")
        assert not page.evaluate(IN_DRAWER), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate(IN_CONTENT):
            break
    page.locator("label.md-header__button[for=__drawer]").click()
    entry = page.locator(".md-sidebar--primary a:visible").last
    entry.focus()
    assert page.evaluate(IN_DRAWER)


def test_the_drawer_opens_and_shuts_by_keyboard(visit: Callable[..., Any]) -> None:
    seen = visit("/learn/01_workflow/", width=360)
    page = seen.page
    opened = "document.getElementById('__drawer').checked"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText").strip() == "Navigation"

    for key in ("Enter", "Space"):
        page.keyboard.press(key)
        page.wait_for_function(f"() => {IN_DRAWER}", polling=50)
        for _ in range(8):  # what has the focus can be seen
            page.keyboard.press("Tab")
            assert page.evaluate(IN_DRAWER)
            assert page.evaluate(IS_ON_TOP), page.evaluate("document.activeElement.outerHTML")
        page.keyboard.press("Escape")
        assert not page.evaluate(opened)
        assert page.evaluate("document.activeElement.innerText").strip() == "Navigation"

    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {IN_DRAWER}", polling=50)
    for _ in range(40):  # leaving it shuts it
        page.keyboard.press("Tab")
        if not page.evaluate(IN_DRAWER):
            break
    assert not page.evaluate(opened)
    assert page.evaluate(IN_CONTENT)
    assert seen.errors == []


def test_folded_parts_open_by_keyboard(visit: Callable[..., Any]) -> None:
    page = visit("/learn/01_workflow/").page
    page.locator("details.pdl-solution > summary").first.focus()
    page.keyboard.press("Enter")

    assert page.locator("details.pdl-solution[open]").count() == 1
