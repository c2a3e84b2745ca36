"""Where data comes from: every place in turn, and what happens when one fails."""

import gzip
import hashlib
import os
import shutil
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pdl.data import catalog, drawn, places, sources
from pdl.data.download import Patience, RemoteFile
from pdl.data.drawn import draw_food, draw_food_folder
from pdl.data.fashion import CLASSES, FashionMNIST
from pdl.data.folder import ImageFolderCustom
from pdl.data.sources import available, cache_dir, facts, fetch, find, is_offline
from pdl.errors import ArchiveError, ConfigError, DataError, DownloadError

Run = Callable[..., "subprocess.CompletedProcess[str]"]
Server = Any  # the one of conftest.py
QUICK = Patience(connect=5.0, read=5.0, total=30.0, tries=1, pause=0.01)
SYSTEM = catalog.ENTRIES["fashion_mnist"].system
HAS_SYSTEM = SYSTEM is not None and SYSTEM.is_dir()
ALL = drawn.COUNTS
COUNTS = {"train": (2, 2, 2), "test": (1, 1, 1)}


def set_entry(monkeypatch: pytest.MonkeyPatch, name: str, **changes: Any) -> catalog.Entry:
    entry = replace(catalog.ENTRIES[name], **changes)
    monkeypatch.setitem(catalog.ENTRIES, name, entry)
    return entry


@pytest.fixture(autouse=True)
def few_drawings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing all 300 pictures takes seconds; one test does."""
    monkeypatch.setattr(drawn, "COUNTS", COUNTS)
    monkeypatch.setattr(sources, "_DRAWN_COUNT", 9)


@pytest.fixture
def no_system(monkeypatch: pytest.MonkeyPatch) -> None:
    set_entry(monkeypatch, "fashion_mnist", system=None)


@pytest.fixture
def idx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_system: None) -> Path:
    """Fashion-MNIST in its real form; here it is the tenth that is shipped."""
    folder = tmp_path / "named" / "FashionMNIST" / "raw"
    shutil.copytree(sources._SHIPPED / "fashion_mnist", folder)
    monkeypatch.setattr(catalog, "FASHION_CONTENT", catalog.FASHION_TENTH)
    return folder


@pytest.fixture
def food_zip(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, catalog.Entry]:
    """Photos in a zip on a server."""
    tree = draw_food_folder(tmp_path / "photos", counts=COUNTS)
    path = tmp_path / "food.zip"
    with zipfile.ZipFile(path, "w") as file:
        for photo in sorted(tree.rglob("*.jpg")):
            file.write(photo, photo.relative_to(tree))
    monkeypatch.delenv("PDL_OFFLINE")
    return path, offer(server, path, monkeypatch)


def offer(server: Server, path: Path, monkeypatch: pytest.MonkeyPatch) -> catalog.Entry:
    data = path.read_bytes()
    url = server.says("/food.zip", data)
    sha256 = hashlib.sha256(data).hexdigest()
    remote = RemoteFile("pizza_steak_sushi.zip", sha256, len(data), (url,))
    return set_entry(monkeypatch, "food_mini", remote=(remote,))


def test_the_stand_ins_always_work(
    no_system: None, own_places: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawn, "COUNTS", ALL)
    monkeypatch.setattr(sources, "_DRAWN_COUNT", 300)
    clothes, food = find("fashion_mnist"), find("food_mini")
    assert (clothes.kind, clothes.count, clothes.licence) == ("stand-in", 7000, "MIT")
    assert (food.kind, food.count, food.licence) == ("stand-in", 300, "MIT")
    assert food.source == "drawn by pdl"
    for folder, numbers in ((food.train_dir, [78, 75, 72]), (food.test_dir, [25, 19, 31])):
        images = ImageFolderCustom(folder)
        assert images.classes == ["pizza", "steak", "sushi"]
        assert [images.targets.count(label) for label in range(3)] == numbers
    assert own_places in food.path.parents
    before = (food.path / "train/pizza/0001.jpg").stat().st_mtime_ns
    assert find("food_mini") == food  # not drawn again
    assert (food.path / "train/pizza/0001.jpg").stat().st_mtime_ns == before
    (food.path / "train/pizza/0001.jpg").unlink()
    assert find("food_mini").count == len(places.tree(food.path)) == 300  # drawn anew


def test_the_shipped_tenth_is_small_and_fair() -> None:
    folder = sources._SHIPPED / "fashion_mnist"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4_000_000
    assert "MIT" in (folder / "LICENSE.txt").read_text()
    for name, sha256 in catalog.FASHION_TENTH.items():
        path = places.idx_file(folder, name)
        assert path is not None
        assert places.content_sha256(path) == sha256


@pytest.mark.skipif(not HAS_SYSTEM, reason="the package dataset-fashion-mnist is not installed")
def test_the_tenth_is_the_first_of_each_class(monkeypatch: pytest.MonkeyPatch) -> None:
    real = {train: FashionMNIST(train=train) for train in (True, False)}
    assert real[True].found.source == "system package dataset-fashion-mnist"
    assert [len(part) for part in real.values()] == [60_000, 10_000]
    set_entry(monkeypatch, "fashion_mnist", system=None)
    for train, each in ((True, 600), (False, 100)):
        tenth, labels = FashionMNIST(train=train), real[train].targets.numpy()
        first = np.concatenate([np.flatnonzero(labels == label)[:each] for label in range(10)])
        assert (tenth.data == real[train].data[np.sort(first)]).all()
        assert (tenth.targets == real[train].targets[np.sort(first)]).all()


def test_fashion_mnist_gives_images_and_labels(no_system: None) -> None:
    data = FashionMNIST(train=False, transform=lambda image: image.size)
    assert repr(data) == "FashionMNIST(1000 images, stand-in: a tenth, shipped with pdl)"
    assert data[0] == ((28, 28), 9)
    assert data.classes == list(CLASSES)
    assert data.class_to_idx["Bag"] == 8
    assert data.data.shape == (1000, 28, 28)


def test_a_named_folder_comes_first(idx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = idx.parent.parent
    for data_dir in (root, idx):
        found = find("fashion_mnist", data_dir=data_dir)
        assert (found.kind, found.source, found.path) == ("real", "data_dir", idx)
    monkeypatch.setenv("PDL_DATA_DIR", str(root))
    found = find("fashion_mnist")
    assert (found.source, found.path, found.count) == ("PDL_DATA_DIR", idx, 70_000)
    assert len(FashionMNIST(train=False)) == 1000
    images = idx / "t10k-images-idx3-ubyte"
    images.write_bytes(gzip.decompress(images.with_suffix(".gz").read_bytes()))
    images.with_suffix(".gz").unlink()
    assert len(FashionMNIST(train=False, data_dir=root)) == 1000  # packed or not


def test_a_named_folder_without_the_data_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(DataError, match="data_dir must hold food_mini in a folder"):
            find("food_mini", data_dir=folder)
    monkeypatch.setenv("PDL_DATA_DIR", str(tmp_path))
    assert find("food_mini").kind == "stand-in"  # a general folder need not have everything
    monkeypatch.setenv("PDL_DATA_DIR", str(tmp_path / "missing"))
    with pytest.raises(DataError, match="PDL_DATA_DIR must name a folder"):
        find("food_mini")


def test_damaged_data_in_a_named_folder_is_an_error(idx: Path) -> None:
    labels = idx / "t10k-labels-idx1-ubyte.gz"
    whole = labels.read_bytes()
    for data in (whole[:100], b"no gzip", gzip.compress(b"other")):
        labels.write_bytes(data)
        os.utime(labels, ns=(0, len(data)))
        with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte' must be the file .* damaged"):
            find("fashion_mnist", data_dir=idx)
    labels.unlink()
    with pytest.raises(DataError, match="got none or a damaged one"):
        find("fashion_mnist", data_dir=idx)


def test_photos_in_a_named_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = draw_food_folder(tmp_path / "pizza_steak_sushi", counts=COUNTS)
    monkeypatch.setenv("PDL_DATA_DIR", str(tmp_path))
    found = find("food_mini")
    assert (found.kind, found.count, found.path) == ("real", 9, tree)
    assert "owners" in found.licence
    first = found.fingerprint
    assert find("food_mini").fingerprint == first
    (tree / "train/pizza/0001.jpg").write_bytes(b"other")
    assert find("food_mini").fingerprint != first


def test_a_damaged_system_package_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in catalog.FASHION_CONTENT:
        (tmp_path / f"{name}.gz").write_bytes(b"damaged")
    set_entry(monkeypatch, "fashion_mnist", system=tmp_path)
    with caplog.at_level("INFO", logger="pdl.data.sources"):
        assert find("fashion_mnist").kind == "stand-in"
    (left_out, *_), (found, *_) = caplog.messages, reversed(caplog.messages)
    assert left_out.startswith("left out the system package: ")
    assert str(tmp_path) in left_out
    assert found == "fashion_mnist: stand-in, a tenth, shipped with pdl"


def test_the_system_package_is_used(idx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_entry(monkeypatch, "fashion_mnist", system=idx)
    assert find("fashion_mnist").source == "system package dataset-fashion-mnist"


def test_photos_are_downloaded_once(
    server: Server, food_zip: tuple[Path, catalog.Entry], own_places: Path
) -> None:
    found = find("food_mini", patience=QUICK)
    assert (found.kind, found.source, found.count) == ("real", "download, verified", 9)
    assert not (own_places / "food_mini" / "pizza_steak_sushi.zip").exists()
    assert fetch("food_mini") == find("food_mini") == found
    assert server.asked == ["/food.zip"]


def test_clothes_are_downloaded(
    server: Server, idx: Path, monkeypatch: pytest.MonkeyPatch, own_places: Path
) -> None:
    remote = []
    for path in sorted(idx.glob("*.gz")):
        data = path.read_bytes()
        url = server.says(f"/{path.name}", data)
        sha256 = hashlib.sha256(data).hexdigest()
        remote.append(RemoteFile(path.name, sha256, len(data), (url,)))
    set_entry(monkeypatch, "fashion_mnist", remote=tuple(remote))
    monkeypatch.delenv("PDL_OFFLINE")
    found = fetch("fashion_mnist", patience=QUICK)
    assert found.path == own_places / "fashion_mnist"
    damaged = found.path / "train-labels-idx1-ubyte.gz"
    damaged.write_bytes(b"damaged")
    assert fetch("fashion_mnist", patience=QUICK).kind == "real"
    assert len(server.asked) == 5  # only the damaged one again
    assert fetch("fashion_mnist", patience=QUICK) == find("fashion_mnist", allow_download=False)
    assert len(server.asked) == 5  # nothing
    assert places.content_sha256(damaged) == catalog.FASHION_TENTH["train-labels-idx1-ubyte"]


def test_offline_forbids_the_network(
    server: Server, food_zip: tuple[Path, catalog.Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PDL_OFFLINE", "1")
    assert find("food_mini").kind == "stand-in"
    with pytest.raises(DownloadError, match="PDL_OFFLINE forbids the network") as caught:
        fetch("food_mini")
    folder = catalog.ENTRIES["food_mini"].folders[0]
    assert str(caught.value).endswith(f"set PDL_DATA_DIR to a folder that holds {folder!r}.")
    with pytest.raises(DataError, match=f"{folder!r}, or run `pdl data fetch food_mini`"):
        find("food_mini", allow_stand_in=False)
    assert server.asked == []
    values = {"": False, "0": False, "false": False, "No": False, "1": True, "yes": True}
    for value, expected in values.items():
        monkeypatch.setenv("PDL_OFFLINE", value)
        assert is_offline() is expected


def test_a_failed_download_is_not_tried_again_at_once(
    server: Server, food_zip: tuple[Path, catalog.Entry], own_places: Path
) -> None:
    server.says("/food.zip", status=404)
    for _ in range(3):
        assert find("food_mini", patience=QUICK).kind == "stand-in"
    assert len(server.asked) == 1
    with pytest.raises(DownloadError, match="HTTP 404"):
        fetch("food_mini", patience=QUICK)  # this always tries
    memo = own_places / "food_mini" / ".unreachable"
    os.utime(memo, (0, 0))
    server.says("/food.zip", food_zip[0].read_bytes())
    assert find("food_mini", patience=QUICK).kind == "real"
    assert not memo.exists()


def test_not_allowed_to_download(server: Server, food_zip: tuple[Path, catalog.Entry]) -> None:
    assert find("food_mini", allow_download=False).kind == "stand-in"
    assert [found.kind for found in available()][1] == "stand-in"
    assert server.asked == []


def test_an_archive_that_is_no_data_set(
    server: Server,
    food_zip: tuple[Path, catalog.Entry],
    monkeypatch: pytest.MonkeyPatch,
    own_places: Path,
) -> None:
    path, _ = food_zip
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../evil.txt", "x")
    offer(server, path, monkeypatch)
    with pytest.raises(ArchiveError, match="relative paths below the target"):
        fetch("food_mini", patience=QUICK)
    assert find("food_mini").kind == "stand-in"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("cats/1.jpg", "x")
    offer(server, path, monkeypatch)
    with pytest.raises(
        DownloadError, match=r"must hold train and test folders.*Report this, please\.$"
    ):
        fetch("food_mini", patience=QUICK)
    assert list(own_places.rglob("evil*")) == []


def test_w15_half_an_unpacked_folder_is_never_used(
    server: Server, food_zip: tuple[Path, catalog.Entry], own_places: Path
) -> None:
    half = draw_food_folder(own_places / "food_mini" / "pizza_steak_sushi", counts=COUNTS)
    assert find("food_mini", allow_download=False).kind == "stand-in"  # it has no mark
    (half / ".unpacked").write_text("of another archive")
    (half.parent / ".pizza_steak_sushi.x1y2" / "train").mkdir(parents=True)
    assert find("food_mini", allow_download=False).kind == "stand-in"
    assert find("food_mini", patience=QUICK).kind == "real"
    assert (half / ".unpacked").read_text() == food_zip[1].remote[0].sha256
    assert not (half.parent / ".pizza_steak_sushi.x1y2").exists()


def test_w7_many_threads_fetch_once(server: Server, food_zip: tuple[Path, catalog.Entry]) -> None:
    found: list[Any] = []
    threads = [
        threading.Thread(target=lambda: found.append(fetch("food_mini", patience=QUICK)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    assert server.asked == ["/food.zip"]


def test_waiting_for_another_process_ends(
    food_zip: tuple[Path, catalog.Entry], own_places: Path
) -> None:
    (own_places / "food_mini").mkdir()
    with (
        sources.FileLock(own_places / "food_mini" / ".fetch.lock"),
        pytest.raises(DownloadError, match=r"that does not finish\. Try again later\.$"),
    ):
        fetch("food_mini", patience=QUICK._replace(total=0.05))


CHILD = """
import sys
from pdl.data import sources
from pdl.errors import DataError
found = sources.find("food_mini")
print(found.kind, found.count, (found.path / "train/pizza/0001.jpg").is_file())
try:
    sources.fetch("food_mini")
except DataError as error:
    print(type(error).__name__, error)
"""


def test_w8_a_cache_that_can_not_be_written(powerless_child: Run, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    said = powerless_child(CHILD, PDL_CACHE=str(tmp_path / "cache"), PDL_OFFLINE="")
    tmp_path.chmod(0o755)
    lines = said.stdout.splitlines()
    assert lines[0] == "stand-in 300 True", said.stderr  # in a temporary folder
    assert lines[1].startswith("DownloadError the cache must be writable, got")
    assert "PDL_CACHE" in lines[1]


@pytest.mark.parametrize("reason", ["No space left on device", None])
def test_w8_a_download_that_can_not_be_kept(
    food_zip: tuple[Path, catalog.Entry],
    own_places: Path,
    monkeypatch: pytest.MonkeyPatch,
    reason: str | None,
) -> None:
    def refuse(*_: Any, **__: Any) -> Path:
        raise OSError(28, reason) if reason else OSError("odd")

    monkeypatch.setattr(sources, "download", refuse)
    with pytest.raises(DownloadError) as caught:
        fetch("food_mini", patience=QUICK)
    folder = str(own_places / "food_mini")
    assert str(caught.value) == (
        f"the cache must be writable, got {folder!r}: {reason or 'odd'}. "
        "Free some space, or set PDL_CACHE to another folder."
    )


def test_each_download_waits_as_long_as_it_was_told(
    food_zip: tuple[Path, catalog.Entry], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Patience] = []

    def note(*_: Any, patience: Patience) -> Path:
        told.append(patience)
        raise DownloadError("unreachable")

    monkeypatch.setattr(sources, "download", note)
    assert find("food_mini", patience=QUICK).kind == "stand-in"
    assert told == [QUICK]


def test_w8_a_full_cache(full_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (full_disk / "other").write_bytes(bytes(2_085_000))
    monkeypatch.setenv("PDL_CACHE", str(full_disk))
    found = find("food_mini")
    assert len(places.tree(found.path)) == 9
    assert full_disk not in found.path.parents
    assert [path.name for path in full_disk.rglob("*.jpg")] == []


def test_w8_odd_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_system: None) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PDL_CACHE", str(tmp_path / "file"))
    with pytest.raises(DownloadError, match=r"PDL_CACHE must name a folder, got .*file"):
        cache_dir()
    assert {found.kind for found in available()} == {"stand-in"}
    assert find("food_mini").count == 9
    assert find("food_mini").source == "drawn by pdl"
    monkeypatch.setenv("PDL_CACHE", "relative")
    monkeypatch.chdir(tmp_path)
    assert cache_dir() == tmp_path / "relative"
    monkeypatch.setenv("PDL_CACHE", "  ")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: Path("~/.cache/pdl"))
    with pytest.raises(DownloadError, match=r"needs a home folder.*Set PDL_CACHE"):
        cache_dir()
    monkeypatch.setenv("PDL_OFFLINE", "")
    assert not sources._in_vain(catalog.ENTRIES["food_mini"])
    monkeypatch.setattr("platformdirs.user_cache_path", lambda _: tmp_path / "home")
    assert cache_dir() == tmp_path / "home"


def test_w8_home_unset(child: Run) -> None:
    code = "from pdl.data.sources import cache_dir; print(cache_dir().is_absolute())"
    said = child("import os; os.environ.pop('HOME', None); " + code, PDL_CACHE="")
    assert said.stdout.strip() == "True", said.stderr


def test_facts_for_the_pages(no_system: None, monkeypatch: pytest.MonkeyPatch) -> None:
    said = facts({"name": "fashion_mnist", "licence": "of the page"})
    assert said == {
        "kind": "stand-in",
        "count": 7000,
        "fingerprint": said["fingerprint"],
        "source": "a tenth, shipped with pdl",
        "licence": "MIT",
    }
    assert len(said["fingerprint"]) == 16
    monkeypatch.setattr(catalog, "FASHION_TENTH", {"a": "b"})
    assert facts({"name": "fashion_mnist"})["fingerprint"] != said["fingerprint"]
    began = time.monotonic()
    assert facts({"name": "food_mini"})["count"] == 9
    assert time.monotonic() - began < 20
    for entry in ({"name": "cats"}, {}):
        with pytest.raises(ConfigError, match=r"no data set is called .* Try fashion_mnist or"):
            facts(entry)


def test_no_source_tells_a_path(own_places: Path, idx: Path) -> None:
    for found in (find("food_mini"), find("fashion_mnist", data_dir=idx), *available()):
        assert "/" not in found.source


def test_a_file_that_went_away_after_it_was_found(idx: Path) -> None:
    from pdl.data.fashion import _read

    (idx / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"is missing. Run `pdl data fetch fashion_mnist`"):
        _read(idx, "t10k-labels-idx1-ubyte", dims=1)


def test_two_may_draw_at_once(own_places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overtaken(target: Path) -> Path:
        draw_food_folder(target)
        raise OSError("Directory not empty")

    monkeypatch.setattr(drawn, "draw_food_folder", overtaken)
    assert own_places in find("food_mini").path.parents


def test_drawings_are_the_same_for_a_seed() -> None:
    first, again, other = (draw_food("sushi", seed, size=(40, 30)) for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()
    assert draw_food("pizza", 1, size=(40, 30)).tobytes() != first.tobytes()
    with pytest.raises(ConfigError, match="must be one of pizza, steak, sushi, got 'soup'"):
        draw_food("soup", 1)


def test_drawings_leave_nothing_behind_when_they_fail(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="null byte"):
        draw_food_folder(tmp_path / "food", counts={"\0": (1, 2, 3)})
    assert list(tmp_path.iterdir()) == []


def test_every_address_is_safe_and_every_file_has_a_hash() -> None:
    for entry in catalog.ENTRIES.values():
        for file in entry.remote:
            assert len(file.sha256) == 64
            assert file.size > 0
            assert all(url.startswith("https://") for url in file.urls)
