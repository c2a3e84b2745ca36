"""How does a run leave in good order when it is asked to?

Saving in the middle of a step would save half a step. So the handler of a signal only notes that
it came; the loop looks after each step, saves, and leaves. Who can not wait asks twice.
"""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from pdl.errors import PdlError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether somebody asked the run to stop, by Ctrl-C or SIGTERM."""

    def __init__(self) -> None:
        self.signal: int | None = None
        """The number of the signal; None while nobody asked."""

    def __bool__(self) -> bool:
        return self.signal is not None

    def leave(self) -> NoReturn:
        """End the program the way the signal would have.

        Raises:
            KeyboardInterrupt: For Ctrl-C.
            SystemExit: For SIGTERM, with exit code 143.
        """
        if self.signal == signal.SIGTERM:
            raise SystemExit(128 + signal.SIGTERM)
        raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[StopRequest]:
    """Note the first Ctrl-C or SIGTERM; let the second one act at once.

    Only the main thread of a program may handle signals: elsewhere they act at once, as ever.
    Handlers are put back at the end of the block.

    Yields:
        The request, False until somebody asks.

    Example:
        >>> with stoppable() as request:
        ...     signal.raise_signal(signal.SIGTERM)
        ...     print("saving", bool(request))
        saving True
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.getsignal(number) for number in _SIGNALS}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        request.signal = number
        put_back()

    for number in _SIGNALS:
        if before[number] is not signal.SIG_IGN:  # as nohup and background jobs have it
            signal.signal(number, note)
    try:
        yield request
    finally:
        put_back()


@contextmanager
def said_in_one_line() -> Iterator[None]:
    """End a program with a sentence and an exit code where it would end with a traceback.

    Yields:
        Nothing.

    Example:
        >>> from pdl.errors import DataError
        >>> try:
        ...     with said_in_one_line():
        ...         raise DataError("photos is empty. Check the folder.")
        ... except SystemExit as ended:
        ...     print(ended.code)
        3
    """
    try:
        yield
    except PdlError as problem:
        print(problem.line, file=sys.stderr)  # noqa: T201 - the last word of a program
        sys.exit(problem.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
