"""Does every link, anchor, image, style and script of the site lead to something?"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LYCHEE = Path(sys.executable).parent / "lychee"


def test_internal_links_and_anchors(site: Path, page_files: list[Path], own_address: str) -> None:
    root = urllib.parse.quote(str(site))
    done = subprocess.run(
        [str(LYCHEE), "--offline", "--no-progress", "--include-fragments=anchor-only",
         "--root-dir", str(site), "--index-files", "index.html",
         "--remap", f"{own_address} file://{root}/", "--format", "json",
         *map(str, page_files)],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    report = json.loads(done.stdout)
    broken = [
        f"{Path(page).relative_to(site)}: {link['url']} ({link['status']['text']})"
        for page, links in report["error_map"].items()
        for link in links
    ]

    assert not broken, "\n".join(broken)
    assert report["total"] > 100


def test_everything_a_page_loads_is_there(
    site: Path,
    page_files: list[Path],
    tags: Callable[[Path], list[tuple[str, dict[str, str]]]],
    own_address: str,
) -> None:
    """Lychee does not look at `<script src>`; here every file that a page names is looked up."""
    lost = []
    for file in page_files:
        for tag, attributes in tags(file):
            named = [attributes.get("src", ""), attributes.get("data", "")]
            named += [part.split()[0] for part in attributes.get("srcset", "").split(",") if part]
            if tag == "link" and "stylesheet" in attributes.get("rel", "") + attributes.get(
                "as", ""
            ):
                named.append(attributes.get("href", ""))
            for address in filter(None, named):
                path = address.removeprefix(own_address)
                parts = urllib.parse.urlsplit(path)
                if parts.scheme == "data":
                    continue
                base = site if parts.path.startswith("/") or path != address else file.parent
                if (
                    parts.scheme
                    or not (base / urllib.parse.unquote(parts.path.lstrip("/"))).is_file()
                ):
                    lost.append(f"{file.relative_to(site)}: {address}")

    assert not lost, "\n".join(lost)
