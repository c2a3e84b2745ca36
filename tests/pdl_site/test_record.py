"""Is a kept run whole and its own, or not used, whatever happened to its file?"""

import datetime
import hashlib
import json
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdl_site.errors import CacheError
from pdl_site.record import KEPT, Record, RunCache

KEY = "a" * 24


def made(key: str = KEY, chapter: str = "one", text: str = "42") -> Record:
    output = {"kind": "result", "text": text}
    return Record(key, chapter, ([output], []), (["1"], ["2", "3"]), {"seconds": 1.5})


def key_of(n: int) -> str:
    return f"{n:024x}"


@pytest.fixture
def cache(tmp_path: Path) -> RunCache:
    return RunCache(tmp_path / "deep" / "cache")


class TestKeeping:
    def test_what_was_saved_is_loaded(self, cache: RunCache) -> None:
        cache.save(made())
        assert cache.load("one", KEY) == made()
        assert RunCache(cache.folder).load("one", KEY) == made()

    @given(text=st.text(), values=st.lists(st.lists(st.text())))
    def test_any_text_survives(
        self, tmp_path_factory: pytest.TempPathFactory, text: str, values: list[list[str]]
    ) -> None:
        cache = RunCache(tmp_path_factory.getbasetemp() / "any")
        kept = Record(KEY, "one", ([{"text": text}],), tuple(values))
        cache.save(kept)
        assert cache.load("one", KEY) == kept

    def test_nothing_kept(self, cache: RunCache) -> None:
        assert cache.load("one", KEY) is None
        assert cache.latest("one") is None

    def test_dates_of_front_matter_are_kept_as_text(self, cache: RunCache) -> None:
        day = datetime.date(2024, 1, 2)
        cache.save(Record(KEY, "one", (), (), {"data": [{"name": "d", "version": day}]}))
        loaded = cache.load("one", KEY)
        assert loaded is not None
        assert loaded.facts["data"][0]["version"] == "2024-01-02"

    def test_no_other_file_stays(self, cache: RunCache) -> None:
        cache.save(made())
        assert [path.name for path in cache.folder.iterdir()] == [f"one-{KEY}.json"]

    def test_the_newest_is_found_whatever_its_key(self, cache: RunCache) -> None:
        for n, chapter in enumerate(["one", "one", "one-b", "two"]):
            cache.save(made(key_of(n), chapter))
            os.utime(cache.path(chapter, key_of(n)), ns=(n, n))
        latest = cache.latest("one")
        assert latest is not None
        assert latest.key == key_of(1)
        os.utime(cache.path("one", key_of(0)), ns=(9, 9))
        latest = cache.latest("one")
        assert latest is not None
        assert latest.key == key_of(0)

    def test_old_runs_are_dropped_and_those_of_others_kept(self, cache: RunCache) -> None:
        cache.save(made(key_of(99), "other"))
        for n in range(KEPT + 3):
            cache.save(made(key_of(n)))
            os.utime(cache.path("one", key_of(n)), ns=(n, n))
        cache.save(made(key_of(50)))
        left = {path.stem.rpartition("-")[2] for path in cache.folder.glob("one-*.json")}
        assert left == {key_of(50), *(key_of(n) for n in range(4, KEPT + 3))}
        assert cache.load("other", key_of(99)) is not None


class TestDamage:
    def damaged(self, cache: RunCache, content: bytes) -> None:
        cache.save(made())
        cache.path("one", KEY).write_bytes(content)

    def entry(self, cache: RunCache) -> bytes:
        cache.save(made())
        return cache.path("one", KEY).read_bytes()

    def sealed(self, body: bytes) -> bytes:
        return hashlib.sha256(body).hexdigest().encode() + b"\n" + body

    @pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 66, 100, -1])
    def test_truncated(
        self, cache: RunCache, caplog: pytest.LogCaptureFixture, length: int
    ) -> None:
        self.damaged(cache, self.entry(cache)[:length])
        assert cache.load("one", KEY) is None
        assert caplog.messages == [f"one-{KEY}.json is damaged or was edited; one runs again"]

    @given(place=st.integers(0, 200), bit=st.integers(0, 7))
    def test_one_flipped_bit(
        self, tmp_path_factory: pytest.TempPathFactory, place: int, bit: int
    ) -> None:
        cache = RunCache(tmp_path_factory.getbasetemp() / "flips")
        content = bytearray(self.entry(cache))
        content[place % len(content)] ^= 1 << bit
        cache.path("one", KEY).write_bytes(bytes(content))
        assert cache.load("one", KEY) is None

    def test_edited(self, cache: RunCache) -> None:
        self.damaged(cache, self.entry(cache).replace(b"42", b"41"))
        assert cache.load("one", KEY) is None

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"{}",
            b"[]",
            b"null",
            b"not json",
            b'{"key": 1}',
            b"\xff",
            b'{"key": "k", "chapter": "one", "outputs": 1, "values": [], "facts": {}}',
        ],
    )
    def test_sealed_and_no_record(self, cache: RunCache, body: bytes) -> None:
        self.damaged(cache, self.sealed(body))
        assert cache.load("one", KEY) is None

    def test_an_entry_of_another_run_or_chapter(self, cache: RunCache) -> None:
        cache.save(made(key_of(1)))
        shutil.copy(cache.path("one", key_of(1)), cache.path("one", key_of(2)))
        shutil.copy(cache.path("one", key_of(1)), cache.path("two", key_of(1)))
        assert cache.load("one", key_of(2)) is None
        assert cache.load("two", key_of(1)) is None
        assert cache.load("one", key_of(1)) is not None

    def test_the_warning_comes_once_and_not_from_mkdocs(
        self, cache: RunCache, caplog: pytest.LogCaptureFixture
    ) -> None:
        self.damaged(cache, b"")
        for _ in range(3):
            assert cache.load("one", KEY) is None
        (found,) = caplog.records
        assert found.levelno == logging.WARNING
        assert not found.name.startswith("mkdocs"), "a strict build counts those as faults"

    def test_a_damaged_newest_gives_way_to_the_one_before(self, cache: RunCache) -> None:
        for n in (1, 2):
            cache.save(made(key_of(n)))
            os.utime(cache.path("one", key_of(n)), ns=(n, n))
        cache.path("one", key_of(2)).write_bytes(b"x")
        latest = cache.latest("one")
        assert latest is not None
        assert latest.key == key_of(1)

    def test_a_new_run_mends_it(self, cache: RunCache) -> None:
        self.damaged(cache, b"")
        cache.save(made())
        assert cache.load("one", KEY) == made()

    def test_an_entry_that_vanishes_between_listing_and_reading(
        self, cache: RunCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.save(made())
        gone = cache.path("one", key_of(7))
        monkeypatch.setattr(Path, "glob", lambda *_: iter([gone, cache.path("one", KEY)]))
        assert cache.latest("one") == made()


SAVER = """
import sys
from pathlib import Path
from pdl_site.record import Record, RunCache
cache = RunCache(Path(sys.argv[1]))
cache.prepare()
print("ready", flush=True)
for n in range(100000):
    text = str(n) * 200000
    cache.save(Record("a" * 24, "one", ([{"kind": "result", "text": text}],), (), {"n": n}))
"""


def test_a_killed_writer_leaves_a_whole_entry_or_none(tmp_path: Path) -> None:
    rng = random.Random(0)
    cache = RunCache(tmp_path)
    found = 0
    for _ in range(12):
        command = [sys.executable, "-c", SAVER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.03))
            child.send_signal(signal.SIGKILL)
        for path in tmp_path.glob("*.json"):
            digest, _, body = path.read_bytes().partition(b"\n")
            assert hashlib.sha256(body).hexdigest().encode() == digest
            assert json.loads(body)["key"] == KEY
            assert cache.load("one", KEY) is not None
            found += 1
    assert found, "no child lived long enough to save; the test proves nothing"


LOCKER = """
import sys, time
from pathlib import Path
from pdl_site.record import RunCache
with RunCache(Path(sys.argv[1])).lock("one"):
    log = Path(sys.argv[1]) / "log"
    with log.open("a") as file: file.write("in\\n")
    time.sleep(0.3)
    with log.open("a") as file: file.write("out\\n")
"""


def test_one_process_at_a_time_holds_a_chapter(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOCKER, str(tmp_path)]
    children = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait(timeout=30) for child in children] == [0, 0]
    assert (tmp_path / "log").read_text(encoding="utf-8").split() == ["in", "out", "in", "out"]


def test_a_killed_holder_gives_the_chapter_back(tmp_path: Path) -> None:
    held = LOCKER.replace("time.sleep(0.3)", "print(flush=True); time.sleep(60)")
    command = [sys.executable, "-c", held, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        child.kill()
    with RunCache(tmp_path).lock("one"):
        pass


WRITER = """
import sys
from pathlib import Path
from pdl_site.errors import CacheError
from pdl_site.record import Record, RunCache
cache = RunCache(Path(sys.argv[1]))
for act in (cache.prepare, lambda: cache.save(Record("a" * 24, "one", (), ()))):
    try:
        act()
    except CacheError as error:
        print(error)
try:
    print(cache.load("one", "a" * 24))
except CacheError as error:
    print(error)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_a_folder_that_can_not_be_written(
    tmp_path: Path, exists: bool, unprivileged: list[str]
) -> None:
    parent = tmp_path / "locked"
    parent.mkdir()
    folder = parent / "cache" if exists else parent / "new" / "cache"
    if exists:
        folder.mkdir()
        RunCache(folder).save(made())
        folder.chmod(0o555)
    parent.chmod(0o555)
    command = [*unprivileged, sys.executable, "-c", WRITER, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    parent.chmod(0o755)
    refused = (
        f"the folder of kept runs {folder} can not be written (Permission denied); make it "
        "writable, or name another one by the option 'cache' of pdl_site or the variable "
        "PDL_SITE_CACHE"
    )
    lines = done.stdout.splitlines()
    assert lines[:2] == [refused, refused], done.stderr
    assert lines[2].startswith("Record(" if exists else "None")


def test_parts_of_killed_builds_are_cleared_away(cache: RunCache) -> None:
    cache.prepare()
    old, fresh = cache.folder / "one-1.part", cache.folder / "one-2.part"
    old.touch()
    fresh.touch()
    os.utime(old, (0, 0))
    cache.save(made())
    assert not old.exists()
    assert fresh.exists(), "another build may be writing it"


class TestOtherFaults:
    def test_a_file_where_the_folder_should_be(self, tmp_path: Path) -> None:
        (tmp_path / "cache").touch()
        with pytest.raises(CacheError, match="can not be written"):
            RunCache(tmp_path / "cache").prepare()

    def test_an_entry_that_can_not_be_read(self, cache: RunCache) -> None:
        cache.path("one", KEY).mkdir(parents=True)
        with pytest.raises(CacheError, match=rf"one-{KEY}\.json can not be read .*; remove it"):
            cache.load("one", KEY)

    def test_a_full_disk_leaves_no_part_behind(
        self, cache: RunCache, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        cache.save(made(text="old"))

        def full(descriptor: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(CacheError, match=r"the run of one can not be kept in .*No space"):
            cache.save(made(text="new"))
        assert [path.name for path in cache.folder.iterdir()] == [f"one-{KEY}.json"]
        assert cache.load("one", KEY) == made(text="old")
