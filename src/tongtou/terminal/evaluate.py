"""``tongtou evaluate``: how a saved network does on examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tongtou import __version__
from tongtou.i18n import text
from tongtou.terminal import examples, results
from tongtou.terminal.abstaining import abstained, show_abstaining
from tongtou.terminal.console import heading, one_line, show_json, warnings_in_one_line
from tongtou.terminal.findings import examine


def run(
    *,
    model: Path | None,
    source: Path | None,
    abstain: float | None,
    images: Path | None,
    labels: Path | None,
    separator: str | None,
    encoding: str | None,
    as_json: bool,
    **_: Any,
) -> int:
    """Test and show; return the exit code."""
    path = model or Path(examples.DEFAULT_MODEL)
    net = examples.model(path)
    if abstain is not None:
        examples.require_gates(net, path)
    with warnings_in_one_line():
        data = examples.examples_for(net, path, source, (images, labels), separator, encoding)
    findings = examine(net, data)
    abstaining = None if abstain is None else abstained(net, data, abstain)
    if as_json:
        document = {
            "tongtou": __version__,
            "file": str(path),
            "data": data.name,
            "test": findings.to_dict(),
        }
        if abstaining is not None:
            document["abstain"] = abstaining.to_dict()
        show_json(document)
        return 0
    heading(text("evaluate.title", file=path, data=one_line(data.name)), first=True)
    results.show_findings(net, data, findings)
    if abstaining is not None:
        show_abstaining(abstaining)
    results.show_confusion(net, findings)
    results.show_residuals(findings)
    return 0
