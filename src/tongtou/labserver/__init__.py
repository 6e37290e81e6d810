"""The lab: a page in the browser where the network is drawn on, asked and trained.

The page computes by itself, with the same kernel; what is served are files. docs/lab.md has more.
"""

from __future__ import annotations

import json
import os
import webbrowser
from collections.abc import Callable
from pathlib import Path

from tongtou import atomic
from tongtou.errors import DataError
from tongtou.labserver import site
from tongtou.labserver.models import model_files
from tongtou.labserver.serving import Lab
from tongtou.labserver.site import Site
from tongtou.network import Network

__all__ = ["Lab", "Site", "export", "lab"]

_LISTING = "tongtou-lab.json"
"""Written beside an exported page: which files are its own, for the next export to replace."""


def lab(
    net: Network | None = None,
    *,
    port: int = 0,
    browser: bool = True,
    tell: Callable[[str], None] = lambda name: None,
) -> Lab:
    """Serve the lab on 127.0.0.1 and open it in the browser.

    Parameters
    ----------
    net : Network, optional
        Your own network of digits, 784 inputs and 10 outputs, to be shown instead of the lesson's.
    port : int
        0 takes any free one.
    browser : bool
        Open it; otherwise only its address is told.
    tell : function, optional
        Called with the name of a model that has to be trained first.

    Returns
    -------
    Lab
        With ``url``; it serves in the background until ``close()``, or until Python ends.

    Raises
    ------
    DataError
        The network reads something else than 28×28 pictures, the port is taken, or this
        installation has no built page.

    Notes
    -----
    The first call trains the two networks of the page (a few seconds) and keeps them in the
    user's cache. Nothing that is drawn or typed leaves the device.

    Examples
    --------
    >>> import tongtou as tt
    >>> running = tt.lab()  # doctest: +SKIP
    >>> running.url  # doctest: +SKIP
    'http://127.0.0.1:41187/'
    >>> running.close()  # doctest: +SKIP
    """
    page = site.built_page()  # said before anything is trained
    running = Lab(Site(model_files(net, tell=tell), page=page), port=port)
    if browser:
        webbrowser.open(running.url)
    return running


def export(
    folder: str | os.PathLike[str],
    net: Network | None = None,
    *,
    tell: Callable[[str], None] = lambda name: None,
) -> list[str]:
    """Write the lab as plain files for any static host, under any path, no headers needed.

    Parameters
    ----------
    folder : str or os.PathLike
        Made if need be. Files of an earlier export are replaced; others are refused.
    net : Network, optional
        As for `lab`.
    tell : function, optional
        Called with the name of a model that has to be trained first.

    Returns
    -------
    list of str
        The names written, relative to the folder.

    Raises
    ------
    DataError
        The folder holds something else, or there is no built page.
    OSError
        It cannot be written.
    """
    page = site.built_page()
    root = Path(folder)
    if root.exists() and not root.is_dir():
        raise DataError(
            f"expected a folder to write the lab to, but {root} is a file; name another"
        )
    earlier = _earlier_export(root)
    whole = Site(model_files(net, tell=tell), compression=6, page=page)
    for name in whole.names:
        content = whole.content(name)
        assert content is not None
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic.write_whole(str(path), content)
    listing = json.dumps({"files": whole.names}, indent=1).encode()
    atomic.write_whole(str(root / _LISTING), listing)
    for name in earlier - set(whole.names):
        (root / name).unlink(missing_ok=True)
    return whole.names


def _earlier_export(root: Path) -> set[str]:
    """Return the names that an earlier export wrote here; nothing for a new or empty folder."""
    if not root.exists() or not any(root.iterdir()):
        return set()
    try:
        names = json.loads((root / _LISTING).read_text("utf-8"))["files"]
        inside = root.resolve()
        return {name for name in names if (root / name).resolve().is_relative_to(inside)}
    except (OSError, ValueError, KeyError, TypeError):
        raise DataError(
            f"expected a new or empty folder, or an earlier export with its {_LISTING}, but {root} "
            "holds other files; name another folder"
        ) from None
