"""The verdict on edges, loops and strokes in words, made of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from tongtou.explanation.edge_evidence import EdgeEvidence
from tongtou.explanation.intervals import Interval
from tongtou.explanation.loop_evidence import LoopEvidence
from tongtou.i18n import LANGUAGES, catalogue
from tongtou.i18n import language as language_in_use

_EDGES = {
    "mostly": "features.edges_mostly",
    "partly": "features.edges_partly",
    "no": "features.edges_no",
    "less": "features.edges_less",
    "too_few": "features.edges_too_few",
}
_LOOPS = {
    "more": "features.loops_more",
    "same": "features.loops_same",
    "less": "features.loops_less",
    "too_few": "features.loops_too_few",
}


def verdict_of(
    edges: EdgeEvidence | None,
    loops: Sequence[LoopEvidence],
    n_layers: int,
    language: str | None,
) -> str:
    """Return the sentences, in a language or the one in use.

    Raises
    ------
    ValueError
        There is no catalogue of that language.
    """
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}.")
    texts = catalogue(language or language_in_use())
    said = [_edges_said(edges, texts)]
    if edges is not None:
        said += _loops_said(loops, n_layers, texts)
    return texts["features.join"].format(edges=said[0], loops="".join(said[1:])).strip()


def _edges_said(edges: EdgeEvidence | None, texts: dict[str, str]) -> str:
    if edges is None:
        return texts["features.edges_none"]
    numbers = texts["features.edges_numbers"].format(
        fit=_share(edges.mean_fit),
        n=len(edges.neurons),
        random_phase=_share(float(edges.random_phase.mean())),
        shuffled=_share(float(edges.shuffled.mean())),
        untrained=_share(float(edges.untrained.mean())),
        difference=_interval(edges.difference, texts),
        n_above=edges.n_above,
    )
    return texts["features.join"].format(edges=texts[_EDGES[edges.verdict]], loops=numbers)


def _loops_said(loops: Sequence[LoopEvidence], n_layers: int, texts: dict[str, str]) -> list[str]:
    if n_layers < 2 or len(loops) < 2:
        return [texts["features.loops_none"]]
    second = loops[1]
    j = int(second.separations.argmax())
    numbers = texts["features.loops_numbers"].format(
        mean=f"{second.mean:.2f}",
        first=f"{loops[0].mean:.2f}",
        untrained=f"{second.untrained.mean():.2f}",
        permuted=f"{second.permuted:.2f}",
        difference=_interval(second.difference, texts, points=False),
        neuron=j,
        best=f"{second.separations[j]:.2f}",
    )
    head = texts[_LOOPS[second.verdict]]
    return [texts["features.join"].format(edges=head, loops=numbers)]


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"


def _interval(found: Interval, texts: dict[str, str], points: bool = True) -> str:
    key = "features.points" if points else "features.units"

    def written(value: float) -> str:
        number = f"{100 * value:+.1f}" if points else f"{value:+.2f}"
        return number.replace("-", "−")

    if found.low is None or found.high is None:
        return texts[key].format(mean=written(found.mean))
    return texts["features.interval"].format(
        mean=texts[key].format(mean=written(found.mean)),
        low=written(found.low),
        high=written(found.high),
    )
