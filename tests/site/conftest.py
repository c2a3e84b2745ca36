"""What the tests of the site share: the built site, a server for it, and a browser."""

from __future__ import annotations

import gzip
import http.server
import mimetypes
import os
import re
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Literal, NoReturn

import pytest
from playwright.sync_api import Browser, Page, Request, Response, sync_playwright

REPO = Path(__file__).parents[2]
NODE_MODULES = Path(__file__).parent / "node_modules"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# Without these, a headless Chromium as root does not start, or asks its maker's hosts for updates.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Whatever a page asks of another host is seen, and gets no answer.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]
# A page is ready when its fonts are there and its formulas are set.
READY = """() => document.readyState === "complete" && document.fonts.status === "loaded"
    && !document.querySelector(".arithmatex:not(:has(.katex))")"""
TEXT = re.compile(r"text/|javascript|json|svg|xml")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that `-m "not site"` leaves the browser out."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.site)


def missing(what: str, remedy: str) -> NoReturn:
    """Skip a test that lacks a program; in CI, where nothing may be left out, fail it."""
    message = f"{what} is missing; {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


@pytest.fixture(scope="session")
def node_module() -> Callable[[str], Path]:
    """Find a file of the checkers from npm."""

    def find(path: str) -> Path:
        found = NODE_MODULES / path
        if not found.exists():
            missing(path.split("/", maxsplit=1)[0], "run `make tools`")
        return found

    return find


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Find a program of the system."""

    def find(name: str) -> str:
        return shutil.which(name) or missing(name, "run `sudo make system`")

    return find


@pytest.fixture(scope="session")
def build_site() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Build the site into a folder, with other variables in the environment if wanted."""

    def build(folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
        fixed = {"NO_MKDOCS_2_WARNING": "1", "PYTHONHASHSEED": "0"}  # as the Makefile has it
        environment = {**os.environ, **fixed, **variables}
        done = subprocess.run(
            command,
            cwd=REPO,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=280,
        )
        assert done.returncode == 0, f"mkdocs build failed:\n{done.stdout}{done.stderr}"
        return done

    return build


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory,
    build_site: Callable[..., subprocess.CompletedProcess[str]],
) -> Path:
    """The built site: the folder PDL_SITE_DIR, which `make test` has just built, or a new one."""
    if given := os.environ.get("PDL_SITE_DIR"):
        folder = (REPO / given).resolve()
        if not (folder / "index.html").exists():
            pytest.fail(f"PDL_SITE_DIR={given} has no index.html; run `make build`", pytrace=False)
        return folder
    folder = tmp_path_factory.mktemp("built") / "site"
    build_site(folder)
    return folder


@pytest.fixture(scope="session")
def page_files(site: Path) -> list[Path]:
    """Every HTML file of the site."""
    return sorted(site.rglob("*.html"))


@pytest.fixture(scope="session")
def pages(site: Path, page_files: list[Path]) -> list[str]:
    """The address of every page, from the site's root; the page for wrong addresses is one."""
    addresses = [f"/{file.relative_to(site).as_posix()}" for file in page_files]
    return [address.removesuffix("index.html") for address in addresses]


@pytest.fixture(scope="session")
def chapters(site: Path) -> list[Path]:
    """The folder of every executed chapter."""
    found = sorted(facts.parent for facts in (site / "learn").glob("*/run.json"))
    assert found, "no chapter of the site has a run.json"
    return found


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))


@pytest.fixture(scope="session")
def tags() -> Callable[[Path], list[tuple[str, dict[str, str]]]]:
    """List the elements of an HTML file, each with its attributes."""

    def read(file: Path) -> list[tuple[str, dict[str, str]]]:
        parser = _Tags()
        parser.feed(file.read_text(encoding="utf-8"))
        return parser.found

    return read


@dataclass
class StaticServer:
    """A host like GitHub Pages: compresses text, and has a page of its own for wrong addresses.

    Attributes:
        url: Its address, without a slash at the end.
        extra: HTML of pages that are not in the folder, by address.
    """

    url: str
    extra: dict[str, str] = field(default_factory=dict)


def _handler(folder: Path, extra: Mapping[str, str]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
            if address in extra:
                self.send(200, "text/html; charset=utf-8", extra[address].encode())
                return
            file = (folder / address.lstrip("/")).resolve()
            if file.is_dir() and not address.endswith("/"):
                self.send_response(301)
                self.send_header("Location", f"{address}/")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            file = file / "index.html" if file.is_dir() else file
            status = 200 if file.is_file() and file.is_relative_to(folder) else 404
            file = file if status == 200 else folder / "404.html"
            kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
            body = file.read_bytes()
            if file.name == "sitemap.xml":
                # The theme follows only links of the sitemap; here it names the host it is on.
                here = f"http://{self.headers['Host']}/"
                body = re.sub(rb"(<loc>)http://127\.0\.0\.1:8000/", rb"\1" + here.encode(), body)
            self.send(status, kind, body)

        def send(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            if TEXT.search(kind) and "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body, mtime=0)
                self.send_header("Content-Encoding", "gzip")
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "max-age=600")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Keep the terminal to pytest."""

    return Handler


@pytest.fixture(scope="session")
def serve_folder() -> Iterator[Callable[[Path], StaticServer]]:
    """Serve folders on ports of this machine until the tests end."""
    with ExitStack() as stack:

        def start(folder: Path) -> StaticServer:
            extra: dict[str, str] = {}
            handler = _handler(folder.resolve(), extra)
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return StaticServer(f"http://127.0.0.1:{server.server_port}", extra)

        yield start


@pytest.fixture(scope="session")
def server(site: Path, serve_folder: Callable[[Path], StaticServer]) -> StaticServer:
    """The built site on a port of this machine."""
    return serve_folder(site)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        missing("chromium", "run `sudo make system`")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=FLAGS)
        yield chromium
        chromium.close()


@dataclass
class Visit:
    """A page that was opened, and all that it said and asked for since.

    Attributes:
        page: The page.
        base: Address of its site, without a slash at the end.
        errors: Uncaught exceptions, and messages of the console that are errors or warnings.
        foreign: Requests to other hosts; they were not answered.
        refused: Answers of 400 and above.
        bytes: Size of the answers as they were sent, by address.
    """

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    bytes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("request", self._ask)
        self.page.on("requestfailed", self._stop)
        self.page.on("response", self._answer)

    def go(self, address: str, *, quiet: bool = False) -> None:
        """Go to another page; with `quiet`, wait until nothing is loaded any more."""
        wait = "networkidle" if quiet else "load"
        self.page.goto(self.base + address, wait_until=wait)  # type: ignore[arg-type]  # both are words it knows
        self.page.wait_for_function(READY, polling=100)

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.errors.append(f"{kind}: {text}")

    def _ask(self, request: Request) -> None:
        if not request.url.startswith((f"{self.base}/", "data:", "blob:")):
            self.foreign.append(request.url)

    def _stop(self, request: Request) -> None:
        """What the page's own policy stopped never left the browser; the console reports it."""
        if request.failure in {"csp", "net::ERR_BLOCKED_BY_CSP"} and request.url in self.foreign:
            self.foreign.remove(request.url)

    def _answer(self, response: Response) -> None:
        if response.status >= 400:
            self.refused.append(f"{response.status} {response.url}")
        size = int(response.headers.get("content-length", "0"))
        self.bytes[response.url.removeprefix(self.base)] = size


@pytest.fixture
def visit(browser: Browser, server: StaticServer) -> Iterator[Callable[..., Visit]]:
    """Open pages, each in a fresh profile: `visit("/setup/", width=360, scheme="dark")`."""
    with ExitStack() as stack:

        def open_page(
            address: str,
            *,
            width: int = 1280,
            scheme: Literal["light", "dark"] = "light",
            at: str = "",
            quiet: bool = False,
            **options: Any,
        ) -> Visit:
            context = browser.new_context(
                viewport={"width": width, "height": 800},
                color_scheme=scheme,
                reduced_motion="reduce",
                **options,
            )
            stack.callback(context.close)
            seen = Visit(context.new_page(), at or server.url)
            seen.go(address, quiet=quiet)
            return seen

        yield open_page


@pytest.fixture(scope="session")
def own_address(site: Path) -> str:
    """The address that the site gives itself, with a slash at the end."""
    home = (site / "index.html").read_text(encoding="utf-8")
    found = re.search(r'<link[^>]+rel="?canonical"?[^>]+href="([^"]+)"', home) or re.search(
        r'<link[^>]+href="([^"]+)"[^>]+rel="?canonical"?', home
    )
    return found[1] if found else "http://127.0.0.1:8000/"
