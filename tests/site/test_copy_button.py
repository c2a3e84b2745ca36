"""Does the copy button put the code, all of it and nothing else, on the clipboard?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_copy(visit: Callable[..., Any], chapters: list[Path]) -> None:
    seen = visit(f"/learn/{chapters[-1].name}/", permissions=["clipboard-read", "clipboard-write"])
    page = seen.page
    block = page.locator(".pdl-cell .highlight:visible").first
    block.scroll_into_view_if_needed()
    block.hover()
    block.locator("[data-clipboard-target], [data-clipboard-text], .md-code__button").first.click()
    page.wait_for_timeout(200)

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.strip() == block.locator("code").inner_text().strip()
    assert "\n" in copied
    assert seen.errors == []
