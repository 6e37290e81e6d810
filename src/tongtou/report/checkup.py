"""Health: the findings of `tongtou.explanation.health` in both languages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tongtou import i18n
from tongtou.report.languages import in_both, speaking

if TYPE_CHECKING:
    from tongtou.history import History
    from tongtou.report.gathering import Subject


def checkup(subject: Subject, train: Any, history: History | None) -> dict[str, Any]:
    """Return the health of a network, learnt from `train` and tested on the report's examples."""
    from tongtou.explanation import health
    from tongtou.explanation.findings import severity_name

    found = health(subject.model, train, history=history, test=subject.data, seed=subject.seed)
    plain: dict[str, Any] = found.to_dict()
    for finding, one in zip(found.findings, plain["findings"], strict=True):
        for name in ("seen", "why", "change"):
            one[name] = vars(in_both(partial(getattr, finding, name)))
        one["called"] = vars(in_both(partial(severity_name, finding.severity)))
    return plain


def sentences_of(features: Any) -> dict[str, str]:
    """Return the verdict on edges, loops and strokes in each language."""
    said = {}
    for language in i18n.LANGUAGES:
        with speaking(language):
            said[language] = str(features.verdict(language))
    return said
