"""Run stale chapters behind a live site, so that it is up at once and fills in reading order."""

from __future__ import annotations

import concurrent.futures
import logging
import time
from typing import TYPE_CHECKING

from pdl_site.errors import SiteError
from pdl_site.kernel import kill_kernels

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pdl_site.book import Book, Entry

# Not MkDocs' logger: an error there, while it builds, fails a strict build and ends the server.
log = logging.getLogger("pdl_site.serve")
progress = logging.getLogger("mkdocs.plugins.pdl_site")
WAITING = (
    "This chapter has not run on this machine yet. It runs, or waits for those before it; the page "
    "refreshes itself."
)
OLD = (
    "The code has changed. These outputs are older; the chapter runs again and the page "
    "refreshes itself."
)


class Background:
    """Runs chapters in their own time and touches a file when one has ended.

    Args:
        marker: The file; the live server watches it.
        jobs: Chapters run at once.
    """

    def __init__(self, marker: Path, jobs: int) -> None:
        self.marker = marker
        self._pool = concurrent.futures.ThreadPoolExecutor(jobs, thread_name_prefix="chapter")
        self._asked: set[str] = set()
        self._done = -1
        self._failed: dict[str, str] = {}
        self._stopped = False

    def ask(self, book: Book, entries: Sequence[Entry]) -> None:
        """Queue the chapters that are stale and not yet asked for.

        Args:
            book: The book.
            entries: Its chapters in reading order.
        """
        done = sum(entry.fresh for entry in entries)
        if done != self._done and (self._asked or done < len(entries)):
            progress.info("%d of %d chapters have their outputs", done, len(entries))
        self._done = done
        for entry in entries:
            if not entry.fresh and entry.key not in self._asked:
                self._asked.add(entry.key)
                self._pool.submit(self._run, book, entry)

    def notice(self, entry: Entry) -> str:
        """Say on a chapter's page how its outputs stand.

        Args:
            entry: The chapter.

        Returns:
            A block of HTML, or an empty string when the outputs are true.
        """
        if entry.fresh:
            return ""
        if message := self._failed.get(entry.key):
            body = message.replace("&", "&amp;").replace("<", "&lt;").replace("\n", "&#10;")
            return (
                '<div class="pdl-notice pdl-notice--error" role="status">The chapter stopped. '
                f"<pre>{body}</pre></div>"
            )
        text = WAITING if entry.record is None else OLD
        return f'<div class="pdl-notice" role="status">{text}</div>'

    def stop(self) -> None:
        """Start no more runs, and end those that run: the server leaves at once."""
        self._stopped = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        kill_kernels()

    def _run(self, book: Book, entry: Entry) -> None:
        try:
            book.run([entry])
        except Exception as error:
            if self._stopped:  # its kernel was killed, which is no fault of the chapter
                return
            if isinstance(error, SiteError):
                self._failed[entry.key] = str(error)
                log.error("%s", error)  # noqa: TRY400 - the message says where; our traceback adds nothing
            else:
                self._failed[entry.key] = "an unforeseen fault; the terminal has its traceback"
                log.exception("running %s", entry.chapter.label)
        self.marker.parent.mkdir(parents=True, exist_ok=True)
        self.marker.write_text(str(time.time_ns()))
