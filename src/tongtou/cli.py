"""The command ``tongtou``: where its process begins. Its commands are in `tongtou.terminal`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tongtou.terminal.interrupts import leave_quietly


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: done. 2: a mistake of the user, told in one line. 130: interrupted. Any other exception is a
    mistake of ours and keeps its traceback.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of the process by default.
    """
    own_process = arguments is None
    words = list(sys.argv[1:] if arguments is None else arguments)
    with leave_quietly(own_process):  # importing takes long enough for somebody to think better
        from tongtou.terminal import commands
    return commands.run(words, own_process)
