"""Is a page styled once while it loads, or all of it again by one script after the other?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

SHOWN = """() => [...document.querySelectorAll("*")]
    .filter(each => each.checkVisibility({contentVisibilityAuto: true})).length"""
PAGES = ["/", "/learn/03_computer_vision/", "/exercises/01_workflow/", "/numbers/"]


@pytest.mark.parametrize("width", [1280, 412])
@pytest.mark.parametrize("address", PAGES)
def test_scripts_style_no_page_anew(
    address: str, width: int, browser: Browser, server: Any, tmp_path: Path
) -> None:
    """The browser tells how many elements it styled after the theme's script began.

    On its own the theme makes six passes over the page. What had not been shown before the script
    began is styled after it, so one pass is allowed, and what the scripts add.
    """
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    trace = tmp_path / "trace.json"
    browser.start_tracing(page=page, path=str(trace), categories=["devtools.timeline"])
    page.goto(server.url + address)
    page.wait_for_timeout(1000)  # what the scripts ask for comes after the page is loaded
    browser.stop_tracing()
    shown = page.evaluate(SHOWN)
    context.close()

    events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    begins = [
        event["ts"]
        for event in events
        if event["name"] == "EvaluateScript" and "/bundle." in event["args"]["data"].get("url", "")
    ]
    assert len(begins) == 1
    again = [
        event["args"].get("elementCount", 0)
        for event in events
        if event["name"] == "UpdateLayoutTree" and "args" in event and event["ts"] > begins[0]
    ]
    assert again
    assert sum(again) < 2 * shown
