"""Rows W1 to W9: servers and networks that fail."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pdl.data.download import Patience, RemoteFile, check_hop, download
from pdl.errors import DownloadError

Server = Any  # the one of conftest.py
DATA = os.urandom(200_000)
SHA = hashlib.sha256(DATA).hexdigest()
QUICK = Patience(connect=5.0, read=5.0, total=30.0, tries=3, pause=0.01)
Run = Callable[..., "subprocess.CompletedProcess[str]"]
CHILD = """
import sys
from pdl.data.download import Patience, RemoteFile, download
from pdl.errors import DownloadError
url, sha, folder = sys.argv[1:]
try:
    print(download(RemoteFile("f.bin", sha, 200_000, (url,)), folder, patience=Patience(5, 5, 30)))
except DownloadError as error:
    print("DownloadError", error)
"""


def remote(*urls: str) -> RemoteFile:
    return RemoteFile("f.bin", SHA, len(DATA), urls)


def refused(folder: Path, *urls: str, match: str, patience: Patience = QUICK) -> None:
    with pytest.raises(DownloadError, match=match):
        download(remote(*urls), folder, patience=patience)
    assert not (folder / "f.bin").exists()
    assert not (folder / ".f.bin.partial").exists()


def test_a_file_arrives_and_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA)
    for _ in range(2):
        path = download(remote(url), tmp_path / "new" / "folder", patience=QUICK)
        assert path.read_bytes() == DATA
    assert server.asked == ["/f"]


def test_w1_a_body_that_is_cut_short(server: Server, tmp_path: Path) -> None:
    url = server.says("/cut", DATA[:70_000], length=len(DATA))
    refused(tmp_path, url, match=r"broke off|70000 of 200000 bytes")
    assert len(server.asked) == 3
    server.asked.clear()
    refused(tmp_path, server.says("/short", DATA[:70_000], length=None), match="70000 of 200000")
    assert len(server.asked) == 3


def test_w1_the_second_try_succeeds(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA[:10])

    def better(handler: object) -> None:
        server.says("/f", DATA)
        short(handler)  # type: ignore[arg-type]  # the handler it expects

    short = server.answers["/f"]
    server.answers["/f"] = better
    assert download(remote(url), tmp_path, patience=QUICK).read_bytes() == DATA
    assert len(server.asked) == 2


def test_w2_wrong_bytes_name_both_hashes(server: Server, tmp_path: Path) -> None:
    wrong = bytes(len(DATA))
    (tmp_path / "f.bin").write_bytes(b"earlier")
    with pytest.raises(DownloadError) as caught:
        download(remote(server.says("/f", wrong)), tmp_path, patience=QUICK)
    assert SHA in str(caught.value)
    assert hashlib.sha256(wrong).hexdigest() in str(caught.value)
    assert (tmp_path / "f.bin").read_bytes() == b"earlier"
    assert len(server.asked) == 1


def test_w2_a_web_page_instead_of_the_file(server: Server, tmp_path: Path) -> None:
    page = server.says("/f", b"<html>log in</html>", Content_Type="text/html; charset=utf-8")
    refused(tmp_path, page, match="a web page came")
    assert len(server.asked) == 1


def test_w2_more_bytes_than_expected(server: Server, tmp_path: Path) -> None:
    refused(tmp_path, server.says("/f", DATA + b"!"), match="more than the expected 200000 bytes")


@pytest.mark.parametrize(
    ("status", "times"), [(404, 1), (403, 1), (410, 1), (204, 1), (500, 3), (503, 3), (429, 3)]
)
def test_w3_errors_of_the_server(server: Server, tmp_path: Path, status: int, times: int) -> None:
    url = server.says("/f", status=status, **({"Retry_After": "0"} if status == 429 else {}))
    refused(tmp_path, url, match=f"{url}: HTTP {status}.*by hand and put it into")
    assert len(server.asked) == times


def test_w3_retry_after_is_waited_for(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", status=429, Retry_After="1")
    began = time.monotonic()
    refused(tmp_path, url, match="429", patience=QUICK._replace(tries=2, read=2.0))
    assert time.monotonic() - began > 0.95


def test_w3_the_next_mirror_helps(server: Server, tmp_path: Path) -> None:
    urls = server.says("/gone", status=404), server.says("/f", DATA)
    assert download(remote(*urls), tmp_path, patience=QUICK).read_bytes() == DATA


def test_w3_no_mirror(tmp_path: Path) -> None:
    refused(tmp_path, match="got no mirror")


def test_w4_a_server_that_stalls(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA[:10], length=len(DATA), wait=1.5)
    refused(tmp_path, url, match=r"2 tries", patience=QUICK._replace(tries=2, read=0.2))


def test_w4_a_server_that_never_answers(server: Server, tmp_path: Path) -> None:
    server.answers["/f"] = lambda _: time.sleep(1.0)
    refused(
        tmp_path,
        server.url + "/f",
        match="no answer in time",
        patience=QUICK._replace(tries=1, read=0.2),
    )


def test_w4_a_slow_drip_ends_at_the_total_limit(server: Server, tmp_path: Path) -> None:
    def drip(handler: object) -> None:
        send = handler.wfile  # type: ignore[attr-defined]  # a request handler
        send.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n")
        for _ in range(100):
            send.write(b"x")
            send.flush()
            time.sleep(0.05)

    server.answers["/f"] = drip
    began = time.monotonic()
    refused(
        tmp_path,
        server.url + "/f",
        match="of 200000 bytes came in the time allowed",
        patience=QUICK._replace(total=0.4),
    )
    assert time.monotonic() - began < 3


def test_w4_nobody_listens_and_no_such_host(tmp_path: Path) -> None:
    urls = "http://127.0.0.1:1/f", "https://no-such-host.invalid/f"
    began = time.monotonic()
    refused(tmp_path, *urls, match=r"can not be reached.*no-such-host.*can not be reached")
    assert time.monotonic() - began < 5


def test_w4_nothing_is_said_in_a_kernel_without_widgets(child: Run, tmp_path: Path) -> None:
    """The package that downloads brings progress bars that warn there; a page shows no warning."""
    kernel = """
import sys, types
sys.modules["IPython"] = types.SimpleNamespace(get_ipython=object)
sys.modules["ipykernel.zmqshell"] = types.ModuleType("zmqshell")
"""
    done = child(f"{kernel}{CHILD}", "http://127.0.0.1:1/f.bin", SHA, tmp_path)
    assert done.stdout.startswith("DownloadError f.bin must come from one of its mirrors")
    assert "IProgress" not in done.stderr


def test_w4_no_network(child: Run, tmp_path: Path) -> None:
    prefix = ("unshare", "-n") if os.geteuid() == 0 else ("unshare", "-rn")
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system lets nobody be without a network")
    said = child(CHILD, "https://pypi.org/f", SHA, tmp_path, prefix=prefix)
    assert "DownloadError" in said.stdout, said.stderr
    assert "can not be reached" in said.stdout
    assert list(tmp_path.glob("f.bin")) == []


def test_w5_redirects(server: Server, tmp_path: Path) -> None:
    server.says("/f", DATA)
    url = server.says("/1", status=302, Location="/2")
    server.says("/2", status=307, Location=server.url + "/f")
    assert download(remote(url), tmp_path, patience=QUICK).read_bytes() == DATA


def test_w5_a_loop(server: Server, tmp_path: Path) -> None:
    refused(tmp_path, server.says("/l", status=302, Location="/l"), match="more than 5 redirects")
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "there", ["file:///etc/hostname", "ftp://127.0.0.1/f", "http://example.org/f", "gopher:x"]
)
def test_w5_redirects_to_other_kinds(server: Server, tmp_path: Path, there: str) -> None:
    url = server.says("/f", status=302, Location=there)
    refused(tmp_path, url, match="addresses must be https")


def test_w5_never_from_https_to_http() -> None:
    check_hop("", "https://a.org/f")
    check_hop("https://a.org/f", "https://b.org/f")
    check_hop("", "http://127.0.0.1:8000/f")
    for before, there in (
        ("https://a.org/f", "http://a.org/f"),
        ("https://a.org/f", "http://127.0.0.1/f"),
        ("", "http://a.org/f"),
        ("", "http://127.0.0.1.evil.org/f"),
    ):
        with pytest.raises(DownloadError, match="must be https"):
            check_hop(before, there)


def test_w6_killed_and_started_again(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA[:100_000], length=len(DATA), wait=30)
    process = subprocess.Popen([sys.executable, "-c", CHILD, url, SHA, tmp_path])
    partial = tmp_path / ".f.bin.partial"
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        # A first file comes and goes: it only tries whether one may write.
        with contextlib.suppress(FileNotFoundError):
            if any(part.stat().st_size for part in partial.glob("*")):
                break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "f.bin").exists()
    assert list(partial.iterdir())  # what it left behind
    server.says("/f", DATA)
    assert download(remote(url), tmp_path, patience=QUICK).read_bytes() == DATA
    assert not partial.exists()


def test_w7_eight_processes_download_once(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA, wait=0.3)
    command = [sys.executable, "-c", CHILD, url, SHA, tmp_path]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(8)]
    said = {process.communicate(timeout=90)[0].strip() for process in running}
    assert said == {str(tmp_path / "f.bin")}
    assert server.asked == ["/f"]


def test_w7_the_waiter_takes_over_when_the_owner_dies(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA[:10], length=len(DATA), wait=60)
    owner = subprocess.Popen([sys.executable, "-c", CHILD, url, SHA, tmp_path])
    limit = time.monotonic() + 30
    while not server.asked and time.monotonic() < limit:
        time.sleep(0.01)
    server.says("/f", DATA)
    threading.Timer(0.3, owner.kill).start()
    path = download(remote(url), tmp_path, patience=QUICK._replace(total=30))
    owner.wait()
    assert path.read_bytes() == DATA


def test_w7_waiting_ends(server: Server, tmp_path: Path) -> None:
    url = server.says("/f", DATA[:10], length=len(DATA), wait=60)
    owner = subprocess.Popen([sys.executable, "-c", CHILD, url, SHA, tmp_path])
    limit = time.monotonic() + 30
    while not server.asked and time.monotonic() < limit:
        time.sleep(0.01)
    with pytest.raises(DownloadError, match="another process, which did not finish"):
        download(remote(url), tmp_path, patience=QUICK._replace(total=0.1))
    owner.kill()
    owner.wait()


def test_w8_a_cache_that_can_not_be_written(
    powerless_child: Run, server: Server, tmp_path: Path
) -> None:
    url = server.says("/f", DATA)
    tmp_path.chmod(0o555)
    said = powerless_child(CHILD, url, SHA, tmp_path / "cache")
    tmp_path.chmod(0o755)
    assert f"DownloadError the download folder must be writable, got '{tmp_path}" in said.stdout
    assert "PDL_CACHE" in said.stdout
    assert server.asked == []


def test_w8_a_full_disk(server: Server, full_disk: Path) -> None:
    (full_disk / "other").write_bytes(bytes(1_950_000))
    url = server.says("/f", DATA)
    with pytest.raises(DownloadError, match=r"No space left.*PDL_CACHE"):
        download(remote(url), full_disk, patience=QUICK)
    assert not (full_disk / "f.bin").exists()
    (full_disk / "other").unlink()
    assert download(remote(url), full_disk, patience=QUICK).read_bytes() == DATA


def test_w9_data_that_is_there_needs_no_network(tmp_path: Path) -> None:
    (tmp_path / "f.bin").write_bytes(DATA)
    path = download(remote("https://no-such-host.invalid/f"), tmp_path, patience=QUICK)
    assert path.read_bytes() == DATA
    assert [path.name for path in tmp_path.iterdir()] == ["f.bin"]


def test_what_downloads_is_imported_for_a_download_only(child: Run) -> None:
    """In a kernel without widgets the import of pooch warns, on every page that has pictures."""
    said = child("import pdl.data.sources, pdl.data.fashion, sys; print('pooch' in sys.modules)")
    assert said.stdout.strip() == "False", said.stderr
