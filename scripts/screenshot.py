"""What does a page look like? Photographs one of the built site for the README, light and dark."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from serving import launch, served

REPO = Path(__file__).parents[1]
LARGEST = 150_000
"""Bytes of each picture."""


def photograph(url: str, *, scheme: str, anchor: str) -> Image.Image:
    """Open a page and take a picture of what a reader sees.

    Args:
        url: Address of the page.
        scheme: ``light`` or ``dark``.
        anchor: CSS selector of the element to bring to the top.

    Returns:
        The picture, two pixels for each of the page.
    """
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(
            viewport={"width": 1320, "height": 910},
            color_scheme="dark" if scheme == "dark" else "light",
            device_scale_factor=1.5,
        )
        page.goto(url, wait_until="networkidle")
        place = page.locator(anchor).first
        place.evaluate("each => window.scrollTo(0, each.getBoundingClientRect().top - 130)")
        page.wait_for_timeout(800)
        data = page.screenshot()
        browser.close()
    return Image.open(io.BytesIO(data)).convert("RGB")


def save(picture: Image.Image, path: Path) -> int:
    """Write a picture in the best quality that fits.

    Args:
        picture: The picture.
        path: Where to write it, as WebP.

    Returns:
        Size of the file in bytes.
    """
    for quality in range(90, 30, -5):
        picture.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= LARGEST:
            break
    return path.stat().st_size


def main() -> None:
    """Take both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, default=REPO / "site", help="the built site")
    parser.add_argument("--page", default="learn/01_workflow/", help="address of the page")
    parser.add_argument(
        "--at", default="article h1", help="CSS selector of what to bring to the top"
    )
    options = parser.parse_args()
    with served(options.site) as base:
        url = f"{base}{options.page}"
        for scheme, ending in (("light", ""), ("dark", "-dark")):
            path = REPO / "docs" / "assets" / f"readme-page{ending}.webp"
            size = save(photograph(url, scheme=scheme, anchor=options.at), path)
            sys.stdout.write(f"{path.relative_to(REPO)}: {size} bytes\n")


if __name__ == "__main__":
    main()
