"""What Jupyter shows of a network and of a run: small HTML without scripts, on light and on dark.

Text takes the colour of the page and lines are half transparent, so nothing has to know which of
the two it stands on. Everything that came from a user is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from tongtou.history import EpochRecord, History
from tongtou.i18n import text

if TYPE_CHECKING:
    from tongtou.network import Network

_BLUE, _ORANGE = "#3894cf", "#d9772a"  # 3:1 at least on white and on black
_LINE = "rgba(128,128,128,.4)"
_QUIET = "opacity:.7"
_LEFT, _CELL = "text-align:left;padding:2px 12px 2px 0", "text-align:right;padding:2px 12px 2px 0"
_MOST_ROWS = 12


def network_html(net: Network) -> str:
    """Return a network: its layers drawn and counted, its recipe and its last run.

    Examples
    --------
    >>> import tongtou as tt
    >>> "13,002" in network_html(tt.Network([784, 16, 16, 10]))
    True
    """
    summary = text(
        "notebook.summary",
        parameters=f"{net.n_parameters:,}",
        loss=_loss_name(net.loss_function.name),
        dtype=net.dtype.name,
    )
    sizes = " → ".join(f"{n:,}" for n in net.sizes)
    parts = [_heading(text("network.title", sizes=sizes), summary), _chain(net), _layers(net)]
    if net.recipe:
        parts.append(_recipe(net.recipe))
    parts.append(history_html(net.history) if net.history else _note(text("notebook.not_trained")))
    return _framed(parts)


def history_html(history: History) -> str:
    """Return a run: one line, its curves, and a table of its epochs.

    Examples
    --------
    >>> import tongtou as tt
    >>> net = tt.Network([2, 2])
    >>> history = tt.fit(net, ([[0.0, 1.0], [1.0, 0.0]], [0, 1]), epochs=3)
    >>> history_html(history).count("<tr>")
    4
    """
    said = text(
        "notebook.run",
        epochs=len(history.epochs),
        seconds=f"{history.train_s:.2f}",
        engine=history.engine,
        reason=_reason(history.stopped_by),
    )
    parts = [_note(said)]
    if history.epochs:
        parts += [_curves(history), _epochs(history)]
    else:
        parts.append(_note(text("notebook.no_epoch")))
    return _framed(parts)


# ---------------------------------------------------------------- pieces


def _loss_name(name: str) -> str:
    known = {
        "sse": text("loss.sse"),
        "mse": text("loss.mse"),
        "cross_entropy": text("loss.cross_entropy"),
        "half_sse": text("loss.half_sse"),
        "huber": text("loss.huber"),
        "poisson": text("loss.poisson"),
        "binary_cross_entropy": text("loss.binary_cross_entropy"),
    }
    return known.get(name, name)


def _reason(stopped_by: str) -> str:
    known = {
        "epochs": text("stopped.epochs"),
        "callback": text("stopped.callback"),
        "interrupted": text("stopped.interrupted"),
        "diverged": text("stopped.diverged"),
        "checkpoint failed": text("stopped.checkpoint_failed"),
        "gradient small": text("stopped.gradient_small"),
        "loss flat": text("stopped.loss_flat"),
        "step limit": text("stopped.step_limit"),
        "early stopping": text("stopped.early_stopping"),
        "time budget": text("stopped.time_budget"),
        "target accuracy": text("stopped.target_accuracy"),
    }
    return known.get(stopped_by, stopped_by)


def _framed(parts: Iterable[str]) -> str:
    return f'<div style="font-size:13px;line-height:1.5">{"".join(parts)}</div>'


def _heading(title: str, below: str) -> str:
    return f"<div><b>{escape(title)}</b></div>{_note(below)}"


def _note(said: str) -> str:
    return f'<div style="{_QUIET}">{escape(said)}</div>'


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[int]) -> str:
    """Return a table; the columns in `left` are words, the others numbers."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(
            f'<{tag} style="{_LEFT if place in left else _CELL}">{escape(cell)}</{tag}>'
            for place, cell in enumerate(row)
        )

    def line(row: Sequence[str]) -> str:
        if len(row) == 1 and len(head) > 1:  # a remark across all columns
            return f'<td colspan="{len(head)}" style="{_LEFT};{_QUIET}">{escape(row[0])}</td>'
        return cells("td", row)

    body = "".join(f"<tr>{line(row)}</tr>" for row in rows)
    top = f"<tr>{cells('th', head)}</tr>" if head else ""
    return (
        '<table style="border-collapse:collapse;margin:6px 0;color:inherit;font-size:inherit;'
        'font-variant-numeric:tabular-nums;white-space:nowrap">'
        f'<thead style="border-bottom:1px solid {_LINE}">{top}</thead><tbody>{body}</tbody></table>'
    )


def _chain(net: Network) -> str:
    """Draw the layers as columns, each as high as the logarithm of its neurons."""
    gap, wide, high, top = 92, 18, 88, 6
    most = math.log2(1 + max(net.sizes))
    heights = [max(6.0, high * math.log2(1 + n) / most) for n in net.sizes]
    middle = top + high / 2
    drawn = []
    for place in range(1, len(net.sizes)):
        x, before, after = 30 + place * gap, heights[place - 1] / 2, heights[place] / 2
        start = x - gap + wide
        drawn.append(
            f'<polygon points="{start},{middle - before:.1f} {x},{middle - after:.1f} '
            f'{x},{middle + after:.1f} {start},{middle + before:.1f}" fill="{_BLUE}" '
            'fill-opacity=".16"/>'
        )
        name = escape(net.layers[place - 1].activation.name)
        drawn.append(_svg_text(x + wide / 2, top + high + 32, name, ' opacity=".7"'))
    for place, (n, tall) in enumerate(zip(net.sizes, heights, strict=True)):
        x = 30 + place * gap
        drawn.append(
            f'<rect x="{x}" y="{middle - tall / 2:.1f}" width="{wide}" height="{tall:.1f}" rx="4" '
            f'fill="{_BLUE}"/>'
        )
        drawn.append(_svg_text(x + wide / 2, top + high + 17, f"{n:,}", ' font-weight="bold"'))
    drawn.append(_svg_text(30 + wide / 2, top + high + 32, text("notebook.input"), ' opacity=".7"'))
    return _svg(60 + gap * (len(net.sizes) - 1) + wide, top + high + 40, drawn)


def _layers(net: Network) -> str:
    head = [
        text("layer.title"),
        text("layer.neurons"),
        text("layer.weights"),
        text("layer.biases"),
        text("layer.parameters"),
        text("layer.activation"),
    ]
    rows = []
    for number, layer in enumerate(net.layers, start=1):
        last = number == len(net.layers)
        rows.append(
            [
                text("layer.output") if last else text("layer.hidden", number=number),
                f"{layer.n_out:,}",
                f"{layer.n_in:,} × {layer.n_out:,} = {layer.W.size:,}",
                f"{layer.b.size:,}",
                f"{layer.n_parameters:,}",
                layer.activation.name,
            ]
        )
    return _table(head, rows, left=(0, 5))


def _recipe(recipe: Mapping[str, Any]) -> str:
    """Return how it was trained; what has no name in the catalogue, under its own."""
    known = {
        "data": text("recipe.data"),
        "optimizer": text("recipe.optimizer"),
        "batch_size": text("recipe.batch_size"),
        "epochs": text("recipe.epochs"),
        "shuffle": text("recipe.shuffle"),
        "n_train": text("recipe.n_train"),
        "n_validation": text("recipe.n_validation"),
        "seed": text("recipe.seed"),
    }
    keys = [key for key in known if key in recipe] + [key for key in recipe if key not in known]
    rows = [(known.get(key, key), _plain(recipe[key])) for key in keys if recipe[key] is not None]
    title = f"<summary>{escape(text('notebook.recipe'))}</summary>"
    return f"<details>{title}{_table((), rows, left=(0, 1))}</details>"


def _plain(value: Any) -> str:
    """Return a setting as a reader would write it: sgd, learning_rate 1.5."""
    if isinstance(value, bool):
        return text("info.yes") if value else text("info.no")
    if isinstance(value, Mapping):
        inner = [
            _plain(one) if key == "name" else f"{key} {_plain(one)}"
            for key, one in value.items()
            if one is not None
        ]
        return ", ".join(inner)
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _epochs(history: History) -> str:
    """Return the table of epochs: all, or the first and the last ones and the best."""
    records = history.epochs
    columns = {
        "epoch": text("epoch.number"),
        "loss": text("epoch.loss"),
        "accuracy": text("epoch.accuracy"),
        "val_loss": text("epoch.val_loss"),
        "val_accuracy": text("epoch.val_accuracy"),
        "seconds": text("epoch.seconds"),
    }
    shown = [n for n in columns if any(getattr(one, n) is not None for one in records)]
    rows: list[list[str]] = []
    if len(records) <= _MOST_ROWS:
        rows = [_row(one, shown) for one in records]
    else:
        half = _MOST_ROWS // 2
        rows = [_row(one, shown) for one in records[:half]]
        left_out = text("notebook.more", n=f"{len(records) - 2 * half:,}")
        rows.append([left_out])
        rows += [_row(one, shown) for one in records[-half:]]
    return _table([columns[name] for name in shown], rows, left=(0,))


def _row(record: EpochRecord, names: Sequence[str]) -> list[str]:
    formats = {"epoch": "d", "accuracy": ".2%", "val_accuracy": ".2%", "seconds": ".3f"}
    values = [(name, getattr(record, name)) for name in names]
    return ["–" if v is None else format(v, formats.get(name, "#.4g")) for name, v in values]


def _curves(history: History) -> str:
    """Draw the losses as lines between their least and their largest."""
    wide, high, left, top = 300, 84, 52, 8
    series = [
        (history.column("loss"), _BLUE, text("plot.training")),
        (history.column("val_loss"), _ORANGE, text("plot.held_out")),
    ]
    finite = [v for column, _, _ in series for v in column if v is not None and math.isfinite(v)]
    if len(history.epochs) < 2 or not finite:
        return ""
    low, span = min(finite), (max(finite) - min(finite)) or 1.0
    drawn = [
        f'<path d="M{left},{top} V{top + high} H{left + wide}" fill="none" stroke="{_LINE}"/>',
        _svg_text(left - 6, top + 9, f"{max(finite):.3g}", ' opacity=".7"', "end"),
        _svg_text(left - 6, top + high, f"{low:.3g}", ' opacity=".7"', "end"),
    ]
    last_y = None
    for column, colour, name in series:
        points = [
            (left + wide * place / (len(column) - 1), top + high - high * (v - low) / span)
            for place, v in enumerate(column)
            if v is not None and math.isfinite(v)
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" '
            'stroke-linejoin="round"/>'
        )
        y = points[-1][1]
        if last_y is not None and abs(y - last_y) < 13:  # two names on one another
            y = last_y + (13 if y > last_y else -13)
        drawn.append(_svg_text(points[-1][0] + 6, y + 4, name, f' style="fill:{colour}"', "start"))
        last_y = y
    title = text("epoch.loss")
    return _svg(left + wide + 80, top + high + 10, drawn, title)


def _svg(wide: float, high: float, drawn: Iterable[str], title: str = "") -> str:
    named = f"<title>{escape(title)}</title>" if title else ""
    return (
        f'<svg width="{wide:g}" height="{high:g}" viewBox="0 0 {wide:g} {high:g}" '
        'style="max-width:100%;display:block;margin:6px 0" font-size="11" '
        f'font-family="inherit">{named}{"".join(drawn)}</svg>'
    )


def _svg_text(x: float, y: float, said: str, more: str = "", anchor: str = "middle") -> str:
    fill = "" if "fill:" in more else ' fill="currentColor"'
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{fill}{more}>{escape(said)}</text>'
