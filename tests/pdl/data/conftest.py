"""A cache of its own for each test, a bad server, a full disk, and a user without rights."""

import http.server
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(autouse=True)
def own_places(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test reads or writes the user's cache, or asks the network."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("PDL_CACHE", str(cache))
    monkeypatch.setenv("PDL_OFFLINE", "1")
    monkeypatch.delenv("PDL_DATA_DIR", raising=False)
    return cache


@pytest.fixture
def photos(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder of classes: ``photos("root", pizza=2, sushi=1)``."""

    def make(name: str = "root", *, size: tuple[int, int] = (12, 9), **classes: int) -> Path:
        root = tmp_path / name
        for number, (label, count) in enumerate(classes.items()):
            (root / label).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                color = (40 * number % 256, 20 * index % 256, 90)
                Image.new("RGB", size, color).save(root / label / f"{index:03}.png")
        return root

    return make


def run_child(
    code: str, *args: object, prefix: Sequence[str] = (), **env: str
) -> "subprocess.CompletedProcess[str]":
    """Run Python code in a process of its own, as a user would: without the checks of the tests."""
    return subprocess.run(
        [*prefix, sys.executable, "-c", code, *map(str, args)],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **env},
    )


@pytest.fixture
def child() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    return run_child


@pytest.fixture
def powerless_child(unprivileged: list[str]) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """As `child`, without the right of root to read and write everything."""

    def run(code: str, *args: object, **env: str) -> "subprocess.CompletedProcess[str]":
        return run_child(code, *args, prefix=unprivileged, **env)

    return run


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = (
        IS_ROOT
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not mounted:
        pytest.skip("only root may mount a disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


class Server:
    """A server on this machine that answers as a test says, and counts."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[http.server.BaseHTTPRequestHandler], None]] = {}
        self.asked: list[str] = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.answers[self.path](self)

            def log_message(self, *_: object) -> None: ...

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # clients that leave
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def says(
        self,
        path: str,
        body: bytes = b"",
        *,
        status: int = 200,
        length: int | None = -1,
        wait: float = 0.0,
        **headers: str,
    ) -> str:
        """Answer a path; ``length`` None leaves Content-Length out, -1 tells the truth."""

        def answer(handler: http.server.BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            if length is not None:
                handler.send_header("Content-Length", str(len(body) if length == -1 else length))
            handler.send_header("Connection", "close")
            for name, value in headers.items():
                handler.send_header(name.replace("_", "-"), value)
            handler.end_headers()
            handler.wfile.write(body)
            handler.wfile.flush()
            time.sleep(wait)
            handler.close_connection = True

        self.answers[path] = answer
        return self.url + path


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()
