"""``tongtou info``: this installation, or what is in a model file."""

from __future__ import annotations

import importlib
import importlib.util
import json
import platform
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tongtou import __version__, evaluation
from tongtou.activations import ACTIVATIONS
from tongtou.history import History
from tongtou.i18n import text
from tongtou.losses import LOSSES
from tongtou.network import Network
from tongtou.optimizers import OPTIMIZERS
from tongtou.pace import usable_cores
from tongtou.recipes import RECIPES
from tongtou.schedules import SCHEDULES
from tongtou.terminal import examples, results
from tongtou.terminal.console import UserError, heading, one_line, output, show, show_json
from tongtou.terminal.tables import indented, names_and_values

_SHOWN_EPOCHS = 20
_EXTRAS = {
    "plot": ("matplotlib",),
    "report": ("jinja2",),
    "sklearn": ("sklearn", "scipy"),
    "tables": ("polars",),
}
"""What each extra brings, by the names they are imported by."""


def run(*, model: Path | None, as_json: bool, **_: Any) -> int:
    """Show it; return the exit code."""
    try:
        evaluation.check_kernel()
    except ValueError as error:
        raise UserError(str(error)) from error
    net = examples.model(model) if model else None
    if as_json:
        document = _installation()
        if net is not None:
            history = net.history.to_dict() if net.history else None
            document |= {"file": str(model), "network": results.network_document(net)}
            document |= {"history": history}
        show_json(document)
    elif net is None:
        _show_installation()
    else:
        _show_file(net, model)
    return 0


def _installation() -> dict[str, Any]:
    return {
        "tongtou": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "kernel": evaluation.kernel_name(),
        "kernels": _kernels(),
        "cores": usable_cores(),
        "extras": {name: _installed(modules) for name, modules in _EXTRAS.items()},
        "recipes": list(RECIPES),
        "optimizers": list(OPTIMIZERS),
        "schedules": list(SCHEDULES),
        "losses": list(LOSSES),
        "activations": list(ACTIVATIONS),
    }


def _installed(modules: tuple[str, ...]) -> bool:
    return all(importlib.util.find_spec(one) is not None for one in modules)


def _kernels() -> list[str]:
    """Return the kernels this machine can run, also while the environment asks for none."""
    try:
        kernel = evaluation.kernel or importlib.import_module("tongtou._kernel")
    except ImportError:
        return []
    return list(kernel.kernel_names())


def _show_installation() -> None:
    here = _installation()
    names = ", ".join(here["kernels"]) or text("info.no_kernel")
    heading(text("info.title", version=__version__), first=True)
    pairs = [
        (text("info.python"), here["python"]),
        (text("info.numpy"), here["numpy"]),
        (text("info.kernel"), here["kernel"]),
        (text("info.kernels"), names),
        (text("info.choose_name"), text("info.choose", variable=evaluation.KERNEL_VARIABLE)),
        (text("info.cores"), str(here["cores"])),
    ]
    show(names_and_values(pairs, output().width))
    heading(text("info.available"))
    pairs = [
        (text("info.optimizers"), ", ".join(OPTIMIZERS)),
        (text("info.schedules"), ", ".join(SCHEDULES)),
        (text("info.losses"), ", ".join(LOSSES)),
        (text("info.activations"), ", ".join(ACTIVATIONS)),
        (text("info.extras"), _extras(here["extras"])),
    ]
    show(names_and_values(pairs, output().width))
    heading(text("info.recipes"))
    told = {
        "lesson": text("info.lesson"),
        "quick": text("info.quick"),
        "best": text("info.best"),
        "lesson-best": text("info.lesson_best"),
        "honest": text("info.honest"),
        "honest-best": text("info.honest_best"),
    }
    show(names_and_values([(name, told[name]) for name in RECIPES], output().width))


def _extras(there: dict[str, bool]) -> str:
    """Return which extras are installed, and how to get those that are not."""
    missing = [name for name, one in there.items() if not one]
    names = ", ".join(name for name, one in there.items() if one) or text("info.no_extra")
    if not missing:
        return names
    return text(
        "info.more_extras", names=names, command=f"pip install 'tongtou[{','.join(missing)}]'"
    )


def _show_file(net: Network, path: Path | None) -> None:
    results.show_network(net)
    heading(text("info.file_title"))
    pairs = [
        (text("info.file"), one_line(path)),
        (text("train.loss_name"), results.loss_name(net.loss_function)),
        (text("info.dtype"), net.dtype.name),
        (text("info.seed"), str(net.seed)),
    ]
    if net.classes:
        pairs.append((text("info.classes"), ", ".join(map(one_line, net.classes))))
    if net.input_shape:
        pairs.append((text("info.shape"), " × ".join(map(str, net.input_shape))))
    pairs += _recipe(net.recipe)
    show(names_and_values(pairs, output().width))
    if net.history and net.history.epochs:
        heading(text("info.history"))
        show(_epochs(net.history))


def _recipe(recipe: dict[str, Any]) -> list[tuple[str, str]]:
    """Return how it was trained; what this version has no name for, under its own."""
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
    keys = [key for key in known if key in recipe]
    keys += [key for key in recipe if key not in known]
    return [(known.get(key, one_line(key)), _value(recipe[key])) for key in keys]


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return text("info.yes") if value else text("info.no")
    if isinstance(value, dict):
        rest = [f"{one_line(key)} {_value(one)}" for key, one in value.items() if key != "name"]
        return ", ".join([one_line(value["name"]), *rest] if "name" in value else rest)
    if isinstance(value, int):
        return f"{value:,}"
    return one_line(value if isinstance(value, str) else json.dumps(value))


def _epochs(history: History) -> RenderableType:
    """Return a line for each epoch; where there are many, evenly spread ones with the last."""
    epochs = history.epochs
    count = min(len(epochs), _SHOWN_EPOCHS)
    chosen = np.unique(np.linspace(0, len(epochs) - 1, count).round().astype(int)).tolist()
    shown = [epochs[i] for i in chosen]
    columns = {
        text("epoch.number"): [str(one.epoch) for one in shown],
        text("epoch.loss"): [_number(one.loss) for one in shown],
        text("epoch.accuracy"): [_percent(one.accuracy) for one in shown],
        text("epoch.val_loss"): [_number(one.val_loss) for one in shown],
        text("epoch.val_accuracy"): [_percent(one.val_accuracy) for one in shown],
        text("epoch.seconds"): [f"{one.seconds:.3f}" for one in shown],
    }
    columns = {title: cells for title, cells in columns.items() if any(cells)}
    table = Table.grid(padding=(0, 3, 0, 0))
    for _ in columns:
        table.add_column(justify="right", no_wrap=True)
    table.add_row(*(Text(title, style="dim") for title in columns))
    for row in zip(*columns.values(), strict=True):
        table.add_row(*row)
    return indented(table)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
