"""What does a reader's browser pay for a page? Lighthouse looks, as on a telephone on a slow line.

Wants the program `lighthouse` of the npm package of that name, 12.x, and Chromium.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gzip
import http.server
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import report

REPO = Path(__file__).parents[1]
PAGES = {
    "home": "",
    "chapter 00": "learn/00_fundamentals/",
    "chapter 03": "learn/03_computer_vision/",
    "chapter 08": "learn/08_vision_transformer/",
    "API page": "api/engine/",
    "exercises": "exercises/01_workflow/",
}
PUBLIC = "https://book.example.org/"
"""Any public address: a site that keeps search engines out fails an audit on purpose."""
FLAGS = (
    "--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync"
)
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
HEAD = (
    "page",
    "performance",
    "accessibility",
    "best practices",
    "SEO",
    "kB loaded",
    "largest paint",
    "blocked",
)
# learnpytorch.io at its commit baa27b6 of February 2026, built and served the same way, other hosts
# answered from this machine; mobile, medians of 3. Large moving pictures of its chapter 08 were not
# at hand, so those bytes are a lower bound.
PEER = {
    "home": (61, 89, 96, 100, 2056, 12542, 488),
    "chapter 00": (49, 90, 96, 100, 5474, 21735, 1282),
    "chapter 03": (45, 90, 96, 100, 10401, 34448, 1222),
    "chapter 08": (30, 90, 96, 100, 22214, 33750, 2074),
}


class _Compressing(http.server.SimpleHTTPRequestHandler):
    """Answers as a web host does: text comes compressed."""

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if not path.is_file():
            self.send_error(404)
            return
        body, kind = path.read_bytes(), self.guess_type(str(path))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        if kind.startswith("text/") or any(word in kind for word in ("javascript", "json", "svg")):
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the site; yield its address."""
    handler = functools.partial(_Compressing, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def look(program: str, url: str) -> tuple[list[float], float]:
    """Let Lighthouse look at a page once.

    Args:
        program: Lighthouse.
        url: The page.

    Returns:
        Four scores, kB, milliseconds to the largest paint, milliseconds blocked; and how fast it
        found this machine.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome") or ""
    command = [program, url, "--quiet", "--output=json", f"--chrome-flags={FLAGS}"]
    done = subprocess.run(
        command,
        env=os.environ | {"CHROME_PATH": browser},
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    audits = found["audits"]
    values = [round(100 * found["categories"][name]["score"]) for name in CATEGORIES]
    values.append(audits["total-byte-weight"]["numericValue"] / 1000)
    values.append(audits["largest-contentful-paint"]["numericValue"])
    values.append(audits["total-blocking-time"]["numericValue"])
    return values, found["environment"]["benchmarkIndex"]


def line(name: str, values: tuple[float, ...] | list[float]) -> tuple[object, ...]:
    """A row of the table."""
    *scores, kilobytes, paint, blocked = values
    return (
        name,
        *(round(score) for score in scores),
        f"{kilobytes:,.0f}",
        f"{paint / 1000:.1f} s",
        f"{blocked:,.0f} ms",
    )


def build(folder: Path) -> None:
    """Build the site for a public address."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)]
    variables = {"PDL_SITE_URL": PUBLIC, "NO_MKDOCS_2_WARNING": "1", "PYTHONHASHSEED": "0"}
    subprocess.run(command, cwd=REPO, env=os.environ | variables, check=True)


def options_of(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = report.parser(__doc__, rounds=3)
    parser.add_argument("--lighthouse", default="lighthouse", help="the program")
    parser.add_argument("--site", type=Path, help="a site built for a public address")
    parser.add_argument("--pages", nargs="*", default=list(PAGES), choices=list(PAGES))
    return parser.parse_args(words)


def main() -> None:
    """Look at each page a few times and print the medians beside those of the course."""
    options = options_of()
    program = shutil.which(options.lighthouse)
    if program is None:
        raise SystemExit("lighthouse is missing: npm install --global lighthouse@12")
    found = report.Report()
    rows: list[tuple[object, ...]] = []
    speeds: list[float] = []
    with tempfile.TemporaryDirectory(prefix="pages-") as temporary:
        site = options.site or Path(temporary, "site")
        if not options.site:
            build(site)
        with served(site) as base:
            for name in options.pages:
                looks = [look(program, base + PAGES[name]) for _ in range(options.rounds)]
                speeds += [speed for _, speed in looks]
                middle = [
                    statistics.median(each) for each in zip(*(v for v, _ in looks), strict=True)
                ]
                rows.append(line(name, middle))
                units = ("points",) * 4 + ("kB", "ms", "ms")
                found.rows += [
                    report.Row(f"pages: {name}: {what}", float(f"{value:.4g}"), unit)
                    for what, value, unit in zip(HEAD[1:], middle, units, strict=True)
                ]
                if name in PEER:
                    rows.append(line(f"{name}, learnpytorch.io", PEER[name]))
                    key = name.replace(" ", "_")
                    found.ratios[f"pages.{key}.bytes_of_peer"] = round(PEER[name][4] / middle[4], 2)
    found.notes = [
        f"Lighthouse for a telephone, medians of {options.rounds}; it rated this machine "
        f"{min(speeds):,.0f} to {max(speeds):,.0f}, and wants 2,000 for scores that repeat."
    ]
    report.tell(found, report.table(HEAD, rows), options, "pages")


if __name__ == "__main__":
    main()
