"""``tongtou report``: all that can be said of a network, as one file for a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tongtou import __version__
from tongtou import report as reports
from tongtou.i18n import text
from tongtou.terminal import examples
from tongtou.terminal.console import UserError, say, show_json, warnings_in_one_line
from tongtou.terminal.parting import parted
from tongtou.terminal.train import check_place


def run(
    *,
    model: Path | None,
    source: Path | None,
    images: Path | None,
    labels: Path | None,
    separator: str | None,
    encoding: str | None,
    out: Path | None,
    seed: int,
    as_json: bool,
    **_: Any,
) -> int:
    """Write the report; return the exit code."""
    path = model or Path(examples.DEFAULT_MODEL)
    target = out or path.with_name(f"{path.stem}-report.html")
    check_place(target)
    net = examples.model(path)
    with warnings_in_one_line():
        data = examples.examples_for(net, path, source, (images, labels), separator, encoding)
        train, test = parted(net, data)
    measured, learnt = (train, None) if test is None else (test, train)
    try:
        written = reports.write(net, measured, target, train=learnt, seed=seed)
    except OSError as error:
        raise UserError(
            text("error.report_not_written", file=target, reason=error.strerror)
        ) from error
    if as_json:
        document = {"tongtou": __version__, "model": str(path), "file": str(written.path)}
        show_json(document | {"n_bytes": written.n_bytes, "findings": written.findings})
    else:
        size = f"{written.n_bytes / 1e6:.1f}"
        say(text("report_command.written", file=written.path, size=size))
    return 0
