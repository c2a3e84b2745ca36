"""Does `pdl.files` do what its page says, on good input and on bad?"""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pdl import files
from pdl.errors import ConfigError
from pdl.files import check_writable, exclusive, write_atomic


@pytest.fixture
def dead_pid():
    """The id of a process of this machine that is gone."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@given(st.binary(max_size=2000), st.binary(max_size=2000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_the_file_has_what_was_written_last_and_nothing_else_remains(tmp_path, first, second):
    path = tmp_path / "a.bin"
    write_atomic(path, first)
    write_atomic(path, second)
    assert path.read_bytes() == second
    assert names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch, error, where):
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(*((os, "fsync", fail) if where == "fsync" else (Path, "replace", fail)))
    with pytest.raises(type(error)):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a.bin"]


def test_what_is_written_is_on_the_disk_before_it_gets_its_name(tmp_path, monkeypatch):
    """Power may fail at any moment: file first, then the name, then the folder."""
    order = []
    real_sync, real_replace = os.fsync, Path.replace

    def sync(handle):
        order.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real_sync(handle)

    def replace(self, target):
        order.append("rename")
        return real_replace(self, target)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(Path, "replace", replace)
    write_atomic(tmp_path / "a", b"x")
    assert order == ["file", "rename", "folder"]


def test_the_rest_of_a_killed_process_is_swept_and_that_of_others_is_not(tmp_path, dead_pid):
    host = files._host()
    dead = tmp_path / f".a.bin.{host}.{dead_pid}.0011aabb.partial"
    others = [
        tmp_path / f".a.bin.{host}.{os.getppid()}.0011aabb.partial",  # alive
        tmp_path / f".a.bin.elsewhere.{dead_pid}.0011aabb.partial",  # another machine's
        tmp_path / f".b.bin.{host}.{dead_pid}.0011aabb.partial",  # another file's
        tmp_path / f".a.bin.{host}.x.0011aabb.partial",  # not ours
    ]
    for path in (dead, *others):
        path.touch()
    write_atomic(tmp_path / "a.bin", b"")
    assert names(tmp_path) == sorted(["a.bin", *(path.name for path in others)])


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from pdl.files import write_atomic
path, block = Path(sys.argv[1]), 1 << 20
write_atomic(path, bytes([0]) * block)
unreadable = 0
for round in range(40):
    child = os.fork()
    if child == 0:
        for value in range(256):
            write_atomic(path, bytes([value]) * block)
        os._exit(0)
    time.sleep(random.Random(round).uniform(0, 0.02))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    content = path.read_bytes()
    unreadable += len(content) != block or len(set(content)) != 1
write_atomic(path, b"swept")
print(unreadable, len(list(path.parent.iterdir())))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked children, Windows has none")
def test_no_kill_at_any_moment_leaves_half_a_file(tmp_path):
    result = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "a.bin")],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert result.stdout.split() == ["0", "1"]


def test_a_missing_folder_is_made_and_the_probe_is_removed(tmp_path):
    check_writable(tmp_path / "runs" / "a")
    assert names(tmp_path / "runs" / "a") == []


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(ConfigError, match="must be a folder to write into"):
        check_writable(tmp_path / "runs")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)  # root may write anywhere
    with pytest.raises(ConfigError, match="Permission denied"):
        check_writable(tmp_path)


def test_a_second_run_is_refused_and_the_lock_goes_with_the_first(tmp_path):
    path = tmp_path / "last"
    with exclusive(path):
        with pytest.raises(ConfigError, match=rf"another run \({files._host()} {os.getpid()}\)"):
            exclusive(path).__enter__()
        assert names(tmp_path) == ["last.lock"]
    assert names(tmp_path) == []
    with exclusive(path):
        pass


def test_the_lock_goes_after_an_error_too(tmp_path):
    with pytest.raises(KeyError), exclusive(tmp_path / "last"):
        raise KeyError
    assert names(tmp_path) == []


def test_the_lock_of_a_killed_run_is_taken_over(tmp_path, dead_pid):
    (tmp_path / "last.lock").write_text(f"{files._host()} {dead_pid}")
    with exclusive(tmp_path / "last"):
        assert (tmp_path / "last.lock").read_text() == f"{files._host()} {os.getpid()}"


def test_a_lock_with_our_own_number_from_before_a_restart_is_taken_over(tmp_path):
    (tmp_path / "last.lock").write_text(f"{files._host()} {os.getpid()}")
    with exclusive(tmp_path / "last"):
        pass


@pytest.mark.parametrize("content", [b"elsewhere 1", b"", b"\xff\xfe", b"a b c"])
def test_a_lock_that_can_not_be_judged_is_respected(tmp_path, content):
    (tmp_path / "last.lock").write_bytes(content)
    with pytest.raises(ConfigError, match=r"delete last\.lock if that run is gone"):
        exclusive(tmp_path / "last").__enter__()


def test_of_many_threads_one_gets_the_lock(tmp_path):
    got, barrier, done = [], threading.Barrier(8), threading.Event()

    def run(number):
        barrier.wait()
        try:
            with exclusive(tmp_path / "last"):
                got.append(number)
                done.wait(10)
        except ConfigError:
            pass

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(1)
    done.set()
    for thread in threads:
        thread.join()
    assert len(got) == 1


def test_who_is_alive(dead_pid, monkeypatch):
    assert files._alive(os.getpid())
    assert not files._alive(dead_pid)
    assert files._alive(10**30)

    def refuse(pid, signal):
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert files._alive(1)


def test_on_windows_nothing_is_killed_to_see_whether_it_lives(monkeypatch):
    monkeypatch.setattr(files.os, "name", "nt")
    monkeypatch.setattr(os, "kill", None)
    assert files._alive(1)
