"""``tongtou lab``: the page in the browser, served on this machine or written for another."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from tongtou.i18n import text
from tongtou.labserver import export as write_page
from tongtou.labserver import lab
from tongtou.terminal import examples
from tongtou.terminal.console import UserError, remark, say, show_json


def run(
    *,
    model: Path | None,
    export: Path | None,
    port: int | None,
    no_browser: bool,
    as_json: bool,
    **_: Any,
) -> int:
    """Serve it until Ctrl-C, or write it; return the exit code."""
    net = examples.model(model) if model else None
    if export is not None:
        try:
            names = write_page(export, net, tell=_tell)
        except OSError as error:
            raise UserError(str(error)) from error
        if as_json:
            show_json({"folder": str(export), "files": names})
        else:
            say(text("lab.exported", n=len(names), folder=str(export)))
        return 0
    with lab(net, port=port or 0, browser=not no_browser, tell=_tell) as running:
        if as_json:
            show_json({"url": running.url})
        else:
            say(text("lab.served" if no_browser else "lab.open", url=running.url))
        with suppress(KeyboardInterrupt):  # the way to end it, and no mistake
            running.wait()
    return 0


def _tell(name: str) -> None:
    remark(text("lab.training_plain" if name == "plain" else "lab.training_honest"))
