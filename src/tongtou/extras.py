"""Optional libraries: found where they are installed, asked for by one sentence where not."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tongtou.errors import MissingExtraError

Module = Any
"""An imported module, whose contents type checkers do not look into."""


def need(module: str, extra: str) -> Module:
    """Return an optional library, imported now.

    Parameters
    ----------
    module : str
        What to import, with dots for a module inside: ``"matplotlib.figure"``.
    extra : str
        The extra of Tongtou that brings it: ``"plot"``.

    Returns
    -------
    module

    Raises
    ------
    MissingExtraError
        It is not installed; the message names the command that installs it. A library that is
        there and fails while being imported raises its own error, since installing it again
        would not help.

    Examples
    --------
    >>> need("json", "plot").dumps([1, 2])
    '[1, 2]'
    >>> need("no_such_library", "plot")
    Traceback (most recent call last):
        ...
    tongtou.errors.MissingExtraError: no_such_library is not installed; get it with: pip install 'tongtou[plot]'
    """  # noqa: E501 - a message is one line
    library = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing != library or find_spec(library) is not None:
            raise
        raise MissingExtraError(
            f"{library} is not installed; get it with: pip install 'tongtou[{extra}]'",
            name=module,
        ) from error
