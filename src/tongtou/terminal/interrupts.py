"""Ctrl-C while the libraries are being imported: nothing has been done yet, so nothing is said."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal."""


@contextmanager
def leave_quietly(wanted: bool = True) -> Iterator[None]:
    """Let Ctrl-C end the process at once in this block, with code 130 and without a traceback.

    An exception would not do: libraries that are interrupted while being imported turn it into
    one of their own. Only for a process that is ours to end.
    """
    ours = wanted and threading.current_thread() is threading.main_thread()
    if not ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
