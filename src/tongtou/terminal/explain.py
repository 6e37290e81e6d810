"""``tongtou explain``: where one answer comes from, and what would change it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tongtou import __version__
from tongtou.explanation import explain
from tongtou.i18n import text
from tongtou.terminal import examples, explain_changes, explain_sums
from tongtou.terminal.console import UserError, show_json, warnings_in_one_line
from tongtou.terminal.explain_example import asked_for
from tongtou.terminal.explain_questions import Wishes, answers_to
from tongtou.terminal.explain_verdict import show_line, show_verdict, verdict_document

_MODEL_SUFFIX = ".safetensors"


def run(
    *,
    words: Sequence[str] | None,
    model: Path | None,
    row: int | None,
    terms: int,
    separator: str | None,
    encoding: str | None,
    as_json: bool,
    lang: str | None,
    **asking: Any,
) -> int:
    """Explain one example; return the exit code."""
    example, path = _example_and_model(list(words or []), model)
    wishes = Wishes(**asking)
    net = examples.model(path)
    with warnings_in_one_line():
        form = {"separator": separator, "encoding": encoding}
        asked = asked_for(net, path, example, row, form)
    e = explain(net, asked.x)
    found = answers_to(wishes, e, net, asked)
    if as_json:
        document = {"tongtou": __version__, "model": str(path)} | verdict_document(net, asked, e)
        document |= {name: one.to_dict() for name, one in found.items()}
        if not wishes.is_detailed:
            document["trace"] = e.to_dict(n_terms=terms)
        show_json(document)
        return 0
    (show_line if wishes.is_detailed else show_verdict)(net, asked, e)
    for name, one in found.items():
        if name == "why":
            explain_sums.show_why(one, e, terms)
        elif name == "neuron":
            explain_sums.show_neuron(one, e, terms)
        elif name == "attribution":
            explain_sums.show_attribution(one, e, terms)
        else:
            explain_changes.show_change(one, e)
    return 0


def _example_and_model(words: list[str], model: Path | None) -> tuple[str, Path]:
    """Return what to explain and the model, in whichever order they stand."""
    models = [word for word in words if word.endswith(_MODEL_SUFFIX)]
    if not models and model is None and len(words) == 2:
        models = words[1:]
    rest = list(words)
    for one in models:
        rest.remove(one)
    if model is not None:
        models.append(str(model))
    if len(models) > 1:
        raise UserError(text("error.two_models", first=models[0], second=models[1]))
    if not rest:
        raise UserError(text("error.no_example"))
    if len(rest) > 1:
        raise UserError(text("error.one_example", first=rest[0], second=rest[1]))
    return rest[0], Path(models[0] if models else examples.DEFAULT_MODEL)
