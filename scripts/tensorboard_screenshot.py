"""What does TensorBoard show of the runs of chapter 07? Photographs its page for the chapter."""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright
from screenshot import launch, save

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page, ViewportSize

REPO = Path(__file__).parents[1]
PICTURE = REPO / "docs" / "assets" / "tensorboard.webp"
CHAPTER = REPO / "tutorials" / "07_experiment_tracking.py"
VIEW = "/?runFilter=lite0_%5Cd%2B%2F20_epochs_seed_0&tagFilter=val&smoothing=0#timeseries"
"""The long runs of one seed: their validation curves as they are."""
PATIENCE = 60
"""Seconds until TensorBoard must have said its address, and have found a run."""


@contextlib.contextmanager
def tensorboard(folder: Path) -> Iterator[str]:
    """Start TensorBoard on a free port of this machine, and end it afterwards.

    Args:
        folder: Where the runs are.

    Yields:
        Its address, without a slash at the end, once it has read a run.

    Raises:
        RuntimeError: If it ends, or has no run to show, within a minute.
    """
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            said = []
            for line in process.stderr or ():
                said.append(line)
                if found := re.search(r" at (http://[\w.:]+)/", line):
                    watchdog.cancel()
                    threading.Thread(target=(process.stderr or sys.stdin).read, daemon=True).start()
                    _wait_for_runs(found[1])
                    yield found[1]
                    return
            raise RuntimeError(f"TensorBoard gave no address:\n{''.join(said)}")
        finally:
            watchdog.cancel()
            process.terminate()


def _wait_for_runs(url: str) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with urllib.request.urlopen(f"{url}/data/runs", timeout=PATIENCE) as answer:
            if answer.read().strip() != b"[]":
                return
        time.sleep(0.2)
    raise RuntimeError(f"TensorBoard at {url} found no run.")


def look(browser: Browser, url: str) -> Page:
    """Open the page of TensorBoard and wait for its curves.

    Args:
        browser: A browser.
        url: Address of TensorBoard, without a slash at the end.

    Returns:
        The page, with the curves of the runs drawn.
    """
    viewport: ViewportSize = {"width": 1180, "height": 660}
    page = browser.new_page(viewport=viewport, device_scale_factor=1.5, reduced_motion="reduce")
    page.goto(url + VIEW)
    page.set_default_timeout(1000 * PATIENCE)
    page.locator("scalar-card line-chart path").first.wait_for(state="attached")
    page.get_by_role("button", name="settings side pane").click()
    return page


def main() -> None:
    """Run the chapter, and photograph its runs."""
    os.environ.setdefault("MPLBACKEND", "Agg")
    names = runpy.run_path(str(CHAPTER))
    (day,) = names["runs"].iterdir()
    with tensorboard(day) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = look(browser, url)
        page.wait_for_timeout(1500)  # until the curves have grown
        picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    size = save(picture, PICTURE)
    sys.stdout.write(f"{PICTURE.relative_to(REPO)}: {size} bytes\n")


if __name__ == "__main__":
    main()
