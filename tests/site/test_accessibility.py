"""Can every page be used by everybody, as far as axe can tell?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCHEME_IS = """scheme => document.body.dataset.mdColorScheme ===
    (scheme === "dark" ? "slate" : "default")"""
OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"
LAID_OUT = ".md-content__inner * { content-visibility: visible !important }"
"""What is far from the window has a guessed height until it is seen: axe would measure that."""
REACHED = """() => [...document.querySelectorAll(".md-typeset__scrollwrap")].every(
    box => box.scrollWidth > box.clientWidth === box.hasAttribute("tabindex"))"""
"""Tables are measured one by one, when the browser has nothing else to do."""
AUDIT = """async rules => {
    const found = await axe.run(document, {
        resultTypes: ["violations"],
        runOnly: {type: "tag", values: rules},
    });
    return found.violations.flatMap(
        ({id, nodes}) => nodes.slice(0, 5).map(node => `${id}: ${node.html.slice(0, 160)}`));
}"""


PARTS = 4
"""The pages are dealt out to so many tests, which run side by side."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_axe_finds_nothing(
    part: int,
    visit: Callable[..., Any],
    pages: list[str],
    node_module: Callable[[str], Path],
) -> None:
    axe = node_module("axe-core/axe.min.js").read_text(encoding="utf-8")
    seen = visit("/")
    faults = []
    # A narrow dark page has the colors of the wide one: one page of each kind shows the rest.
    kinds = {address.split("/")[1]: address for address in pages}
    for address in pages[part::PARTS]:
        seen.page.set_viewport_size({"width": 1280, "height": 800})
        seen.go(address)
        seen.page.evaluate(OPEN_ALL)
        seen.page.add_style_tag(content=LAID_OUT)
        seen.page.evaluate(axe)
        looks = [(1280, "light"), (1280, "dark"), (360, "light")]
        looks += [(360, "dark")] if address in kinds.values() else []
        for width, scheme in looks:
            seen.page.set_viewport_size({"width": width, "height": 800})
            seen.page.emulate_media(color_scheme=scheme)
            seen.page.wait_for_function(SCHEME_IS, arg=scheme, polling=50)
            seen.page.wait_for_function(REACHED, polling=50)
            found = seen.page.evaluate(AUDIT, RULES)
            faults += [f"{address} ({scheme}, {width} px): {fault}" for fault in found]

    assert not faults, "\n".join(faults)
