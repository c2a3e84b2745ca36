"""Does the live server hear of each edit, at once, and of nothing else?"""

import queue
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mkdocs.livereload import LiveReloadServer
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers.polling import PollingObserver

from pdl_site import watch
from pdl_site.watch import Listener, listen


class Notes(FileSystemEventHandler):
    """Notes the names of files that something happened to."""

    def __init__(self) -> None:
        self.names: queue.Queue[str] = queue.Queue()

    def on_any_event(self, event: FileSystemEvent) -> None:
        if not event.is_directory:
            self.names.put(Path(str(event.dest_path or event.src_path)).name)


@pytest.fixture
def heard(tmp_path: Path) -> Iterator[Callable[[], set[str]]]:
    """What was heard in ``docs``, or of ``site.yml``, up to now."""
    (tmp_path / "docs/deep").mkdir(parents=True)
    (tmp_path / "docs/page.md").write_text("old", encoding="utf-8")
    (tmp_path / "site.yml").write_text("old", encoding="utf-8")
    listener, notes = Listener(), Notes()
    listener.schedule(notes, str(tmp_path / "docs"), recursive=True)
    listener.schedule(notes, str(tmp_path / "site.yml"), recursive=True)
    listener.start()

    def up_to_now() -> set[str]:
        for last in ("docs/last", "site.yml"):  # what happens before is told before
            (tmp_path / last).write_text("last", encoding="utf-8")
        names: set[str] = set()
        while not {"last", "site.yml"} <= names:
            names.add(notes.names.get(timeout=20))
        return names - {"last", "site.yml"}

    yield up_to_now
    listener.stop()
    listener.join()


class TestListener:
    def test_an_edit_is_heard(self, heard: Callable[[], set[str]], tmp_path: Path) -> None:
        (tmp_path / "docs/page.md").write_text("new", encoding="utf-8")
        (tmp_path / "docs/deep/new.md").write_text("new", encoding="utf-8")
        assert heard() == {"page.md", "new.md"}

    def test_a_page_put_in_place_of_another_is_heard(
        self, heard: Callable[[], set[str]], tmp_path: Path
    ) -> None:
        for name in (".#page.md", "page.md~"):
            (tmp_path / "docs" / name).write_text("new", encoding="utf-8")
        (tmp_path / "docs/page.md~").rename(tmp_path / "docs/page.md")
        assert heard() == {"page.md"}

    def test_a_page_that_goes_is_heard(self, heard: Callable[[], set[str]], tmp_path: Path) -> None:
        (tmp_path / "docs/page.md").unlink()
        assert heard() == {"page.md"}

    def test_reading_is_no_edit(self, heard: Callable[[], set[str]], tmp_path: Path) -> None:
        (tmp_path / "docs/page.md").read_text(encoding="utf-8")
        assert heard() == set()

    @pytest.mark.parametrize("name", ["page.cpython-311.pyc", ".page.md.swp", "4913", "page.md~"])
    def test_what_programs_write_beside_it_is_no_edit(
        self, heard: Callable[[], set[str]], tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "docs" / name).write_text("new", encoding="utf-8")
        assert heard() == set()

    def test_neighbors_of_a_watched_file_are_not_heard(
        self, heard: Callable[[], set[str]], tmp_path: Path
    ) -> None:
        (tmp_path / "other.yml").write_text("new", encoding="utf-8")
        assert heard() == set()


class TestListen:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[LiveReloadServer]:
        server = LiveReloadServer(lambda: None, "127.0.0.1", 0, str(tmp_path), polling_interval=0.1)
        yield server
        server.observer.stop()
        server.server_close()

    def wait_for_rebuild(self, server: LiveReloadServer, file: Path) -> bool:
        server.observer.start()
        file.write_text("new and longer", encoding="utf-8")
        with server._rebuild_cond:
            return server._rebuild_cond.wait_for(lambda: server._want_rebuild, timeout=20)

    def test_what_was_watched_and_what_comes_is_heard(
        self, server: LiveReloadServer, tmp_path: Path
    ) -> None:
        for name in ("before", "after"):
            (tmp_path / name).mkdir()
        server.watch(str(tmp_path / "before"))
        listen(server, [str(tmp_path / "before"), str(tmp_path / "never")])
        assert isinstance(server.observer, Listener)
        server.watch(str(tmp_path / "after"))
        assert set(server._watched_paths) == {str(tmp_path / "before"), str(tmp_path / "after")}
        assert self.wait_for_rebuild(server, tmp_path / "before/page.md")

    def test_where_the_system_can_not_tell_files_are_looked_at(
        self, server: LiveReloadServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: object) -> None:
            raise OSError(28, "inotify watch limit reached")

        monkeypatch.setattr(watch.Observer, "start", full)
        server.watch(str(tmp_path))
        listen(server, [str(tmp_path)])
        assert isinstance(server.observer, PollingObserver)
        assert self.wait_for_rebuild(server, tmp_path / "page.md")
