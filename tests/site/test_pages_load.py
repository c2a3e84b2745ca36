"""Does every page load without an error, and without asking another host for anything?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


PARTS = 2
"""The pages are dealt out to so many tests, which run side by side."""


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_loads_clean_and_stays_on_its_host(
    part: int, visit: Callable[..., Any], pages: list[str]
) -> None:
    faults = []
    for address in pages[part::PARTS]:
        seen = visit(address, quiet=True)
        faults += [f"{address}: {fault}" for fault in seen.errors + seen.foreign + seen.refused]
        seen.page.context.close()

    assert not faults, "\n".join(faults)


def test_a_wrong_address_shows_the_page_for_it(visit: Callable[..., Any]) -> None:
    seen = visit("/learn/no-such-chapter/", quiet=True)

    assert seen.refused[0].startswith("404 ")
    assert seen.page.locator(".md-content h1").count() == 1
    # The browser itself reports the 404 of the page; nothing else may fail.
    assert [error for error in seen.errors if "404" not in error] == []
    assert len(seen.refused) == 1
    assert seen.foreign == []
