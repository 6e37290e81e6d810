"""``tongtou evaluate``: how a saved network does on examples."""

from __future__ import annotations

from pathlib import Path

from tongtou import __version__
from tongtou.i18n import text
from tongtou.terminal import examples, results
from tongtou.terminal.console import heading, one_line, show_json
from tongtou.terminal.findings import examine


def run(path: Path, images: Path | None, labels: Path | None, as_json: bool) -> int:
    """Test and show; return the exit code."""
    net = examples.model(path)
    data = examples.test_examples(net, images, labels)
    findings = examine(net, data)
    if as_json:
        document = {
            "tongtou": __version__,
            "file": str(path),
            "data": data.name,
            "test": findings.to_dict(),
        }
        show_json(document)
        return 0
    heading(text("evaluate.title", file=path, data=one_line(data.name)), first=True)
    results.show_findings(net, data, findings)
    results.show_confusion(net, findings)
    return 0
