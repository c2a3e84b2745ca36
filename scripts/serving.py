"""How do the scripts look at the built site? With a server of their own, and a Chromium."""

from __future__ import annotations

import contextlib
import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Playwright


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free port.

    Args:
        folder: The built site.

    Yields:
        Its address, with a slash at the end.
    """
    if not (folder / "index.html").exists():
        raise SystemExit(f"{folder} has no index.html; run `make build` first")
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def launch(playwright: Playwright) -> Browser:
    """Start the system's Chromium without a window.

    Args:
        playwright: Who drives it.

    Returns:
        The browser.
    """
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        raise SystemExit("Chromium is missing; run `sudo make system`, or install it")
    return playwright.chromium.launch(
        executable_path=program, args=["--no-sandbox", "--disable-gpu"]
    )
