"""Can every page be read on a small telephone without scrolling sideways?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


# Opens everything that folds, then names what sticks out to the right of the screen.
STICKING_OUT = """() => {
    document.querySelectorAll("details").forEach(each => each.open = true);
    const screen = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= screen) return [];
    const scrolls = each => each && each !== document.body && (
        ["auto", "scroll", "hidden"].includes(getComputedStyle(each).overflowX)
        || scrolls(each.parentElement));
    return [...document.querySelectorAll("main *")]
        .filter(each => each.getBoundingClientRect().right > screen + 1 && !scrolls(each))
        .map(each => each.outerHTML.slice(0, 120)).concat("the page scrolls sideways");
}"""


PARTS = 2
"""The pages are dealt out to so many tests, which run side by side."""


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_sticks_out_at_360_pixels(
    part: int, visit: Callable[..., Any], pages: list[str]
) -> None:
    seen = visit("/", width=360)
    faults = []
    for address in pages[part::PARTS]:
        seen.go(address)
        faults += [f"{address}: {fault}" for fault in seen.page.evaluate(STICKING_OUT)]

    assert not faults, "\n".join(faults)


# Words of the titles on the first page's path that do not fit on one line, and are broken.
BROKEN_WORDS = """() => [...document.querySelectorAll(".pdl-track a")].flatMap(link => {
    const text = link.firstChild, range = document.createRange();
    return [...text.data.matchAll(/\\S+/g)].filter(word => {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return range.getClientRects().length > 1;
    }).map(word => word[0]);
})"""


def test_no_word_of_a_title_on_the_path_is_broken(visit: Callable[..., Any]) -> None:
    seen = visit("/", width=360)

    assert seen.page.locator(".pdl-track a").count() > 0
    assert seen.page.evaluate(BROKEN_WORDS) == []
