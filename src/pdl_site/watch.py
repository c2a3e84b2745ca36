"""How does the live server hear of an edit?

MkDocs looks at all files twice a second, which delays each rebuild and keeps a processor awake. The
system can tell of an edit as it happens.
"""

from __future__ import annotations

import contextlib
import logging
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from watchdog import events
from watchdog.observers import Observer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mkdocs.livereload import LiveReloadServer
    from watchdog.observers.api import ObservedWatch

log = logging.getLogger("mkdocs.plugins.pdl_site")

CHANGES: list[type[events.FileSystemEvent]] = [
    events.FileCreatedEvent,
    events.FileModifiedEvent,
    events.FileMovedEvent,
    events.FileDeletedEvent,
]
"""Reading a file is an event, too, and a build reads them all."""
IGNORED = ("*.pyc", "*.pyc.*", "*~", "*.sw?", ".#*", "4913")
"""What Python and editors write beside the files that people edit."""


class Listener:
    """Stands where MkDocs has its own observer, and hears of edits from the system."""

    def __init__(self) -> None:
        self._observer = Observer()
        self.start, self.stop = self._observer.start, self._observer.stop
        self.join, self.unschedule = self._observer.join, self._observer.unschedule

    def schedule(
        self, handler: events.FileSystemEventHandler, path: str, *, recursive: bool = False
    ) -> ObservedWatch:
        """Tell a handler of edits.

        Args:
            handler: Gets an event for each.
            path: A folder, or a file; that one is watched by its folder, since most editors put a
                new file in its place.
            recursive: Whether folders in the folder count.

        Returns:
            What `unschedule` takes.
        """
        name = "" if Path(path).is_dir() else Path(path).name
        return self._observer.schedule(
            _Filter(handler, name),
            str(Path(path).parent) if name else path,
            recursive=recursive and not name,
            event_filter=CHANGES,
        )


class _Filter(events.FileSystemEventHandler):
    """Passes on what happens to one file, or to all that people edit.

    Args:
        handler: Gets the events.
        name: The file's name; all count if it is empty.
    """

    def __init__(self, handler: events.FileSystemEventHandler, name: str) -> None:
        self._handler, self._name = handler, name

    def dispatch(self, event: events.FileSystemEvent) -> None:
        names = {Path(str(path)).name for path in (event.src_path, event.dest_path) if path}
        edited = {name for name in names if not any(fnmatch(name, bad) for bad in IGNORED)}
        if edited & {self._name} if self._name else edited:
            self._handler.dispatch(event)


def listen(server: LiveReloadServer, watched: Iterable[str]) -> None:
    """Let the server hear of edits from the system, where that can tell of them.

    Args:
        server: The server, not started yet.
        watched: Files and folders that it may watch already.
    """
    again = []
    for path in watched:
        with contextlib.suppress(KeyError):  # not watched
            server.unwatch(path)
            again.append(path)
    trial = Listener()
    try:
        for path in again:
            trial.schedule(events.FileSystemEventHandler(), path, recursive=True)
        trial.start()
    except OSError as error:  # the system watches only so many folders
        log.info("Edits are looked for twice a second: %s", error)
    else:
        server.observer = Listener()  # type: ignore[assignment]  # has all that the server calls
    finally:
        trial.stop()
    for path in again:
        server.watch(path)
