"""``tongtou health``: what is wrong with a network or its data, and what would mend it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from tongtou import __version__
from tongtou.datasets import Dataset
from tongtou.errors import DivergedError
from tongtou.explanation import health
from tongtou.explanation.examination import Health
from tongtou.explanation.findings import Finding, percent, severity_name
from tongtou.explanation.plans import retrained
from tongtou.i18n import text
from tongtou.network import Network
from tongtou.terminal import examples
from tongtou.terminal.console import (
    LONGEST_LINE,
    UserError,
    heading,
    one_line,
    output,
    say,
    show,
    show_json,
    warnings_in_one_line,
    wrapped,
)
from tongtou.terminal.parting import parted
from tongtou.terminal.tables import indented, layer_name, names_and_values
from tongtou.terminal.train import check_place, save

_STYLES = {"severe": "bold red", "warning": "bold yellow", "note": "bold cyan"}


def run(
    *,
    model: Path | None,
    source: Path | None,
    images: Path | None,
    labels: Path | None,
    separator: str | None,
    encoding: str | None,
    apply: bool,
    out: Path | None,
    as_json: bool,
    **_: Any,
) -> int:
    """Examine and show; with `apply` train again with the changes. Return the exit code."""
    path = model or Path(examples.DEFAULT_MODEL)
    if out is not None and not apply:
        raise UserError(text("error.needs_apply", option="--out"))
    target = out or path.with_name(f"{path.stem}-mended.safetensors")
    if apply:
        check_place(target)
        if target.exists() and target.resolve() == path.resolve():
            raise UserError(text("error.over_itself", file=target))
    net = examples.model(path)
    with warnings_in_one_line():
        data = examples.examples_for(
            net, path, source, (images, labels), separator, encoding, learnt_from=True
        )
        train, test = parted(net, data)
    found = health(net, train, test=test)
    mended = _mended(net, train, found) if apply and found.edit is not None else None
    after = health(mended, train, test=test) if mended is not None else None
    if mended is not None:
        save(mended, target)
    if as_json:
        document: dict[str, Any] = {"tongtou": __version__, "model": str(path)}
        document |= {"data": train.name} | found.to_dict()
        if apply:
            applied = None if after is None else {"file": str(target), **after.to_dict()}
            document["applied"] = applied
        show_json(document)
        return 0
    _show(path, net, train, found)
    if apply and after is not None:
        _show_applied(found, after, target)
    elif apply:
        show("")
        say(text("health_command.nothing"))
    elif found.edit is not None:
        _show_way(found, path)
    return 0


def _mended(net: Network, train: Dataset, found: Health) -> Network:
    if str(net.recipe.get("data", "")).endswith("+ non-digits"):
        raise UserError(text("error.apply_beside"))
    try:
        return retrained(net, train, found.edit, progress=None)
    except (ValueError, DivergedError) as error:
        raise UserError(error) from error


def _show(path: Path, net: Network, train: Dataset, found: Health) -> None:
    heading(
        text("health_command.title", file=path, n=f"{len(train):,}", data=one_line(train.name)),
        first=True,
    )
    if found.healthy:
        say(text("health.healthy"), style="bold green")
    for one in found.findings:
        _show_finding(one)
    show("", indented(_layers(net, found)))


def _show_finding(one: Finding) -> None:
    """Show what was seen, why it matters, what to change, and the edit that does it."""
    width = min(output().width, LONGEST_LINE)
    mark = severity_name(one.severity)
    said = text("health.finding", severity=mark, seen=one.seen)
    lines = wrapped(one_line(said), width)
    first = Text().append(lines[0][: len(mark)], style=_STYLES[one.severity])
    show("", first.append(lines[0][len(mark) :]), *(Text(line) for line in lines[1:]))
    for sentence in (one.why, one.change):
        show(indented(Text("\n".join(wrapped(one_line(sentence), width - 2)))))
    if one.edit is not None:
        edit = text("health.edit", edit=one.edit)
        show(indented(Text("\n".join(wrapped(one_line(edit), width - 2)), style="green")))


def _layers(net: Network, found: Health) -> Table:
    table = Table.grid(padding=(0, 3, 0, 0))
    titles = (
        text("layer.title"),
        text("layer.neurons"),
        text("health_command.gradient"),
        text("health_command.update"),
        text("health_command.dead"),
        text("health_command.saturated"),
    )
    for place in range(len(titles)):
        table.add_column(justify="right" if place else "left", no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title in titles))
    for one in found.layers:
        table.add_row(
            layer_name(net, one.layer),
            f"{one.n_neurons:,}",
            f"{one.gradient_rms:.2g}",
            "–" if one.update_ratio is None else percent(one.update_ratio),
            str(len(one.rest.dead)),
            str(len(one.rest.saturated)),
        )
    return table


def _show_way(found: Health, path: Path) -> None:
    """Show how the changes are made: by this command, or by options of `tongtou train`."""
    assert found.edit is not None
    show("")
    say(text("health_command.way", command=f"tongtou health {path} --apply"))


def _show_applied(before: Health, after: Health, target: Path) -> None:
    heading(text("health_command.applied"))
    pairs = [(text("health_command.changed"), str(before.edit))]
    for name, old, new in (
        (text("health_command.learnt"), before.train, after.train),
        (text("health_command.held"), before.held, after.held),
    ):
        if old is not None and new is not None:
            pairs.append((name, f"{_told(old)} → {_told(new)}"))
    left = ", ".join(f"{one.code}" for one in after.findings if one.severity != "note")
    pairs.append((text("health_command.left"), left or text("health_command.none_left")))
    show(names_and_values(pairs, output().width), "")
    say(text("train.saved", file=target))


def _told(part: dict[str, Any]) -> str:
    """Return loss, and accuracy where there are classes."""
    loss = f"{part['loss']:.4g}"
    if part["accuracy"] is None:
        return text("health_command.loss", loss=loss)
    return text("health_command.both", accuracy=f"{part['accuracy']:.2%}", loss=loss)
