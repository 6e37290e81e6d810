"""The options of every command: names, readers and words. What they do is said in `train`, ….

Typer takes options from the signature of a function; here they are parameters made one by one, so
that fifty of them stay a table. Each is None where it was not given, unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from tongtou.activations import ACTIVATIONS
from tongtou.i18n import LANGUAGES, text
from tongtou.initializers import INITIALIZERS
from tongtou.losses import LOSSES
from tongtou.optimizers import OPTIMIZERS
from tongtou.recipes import AUGMENTATIONS, RECIPES
from tongtou.schedules import SCHEDULES
from tongtou.terminal import values

MAX_SEED = 2**64 - 1


def option(
    name: str,
    purpose: str,
    *,
    parser: Any = None,
    metavar: str | None = None,
    panel: str | None = None,
    kind: Any = Any,
    default: Any = None,
    flag: str = "",
) -> Parameter:
    """Return one option; its flag is its name with dashes unless given."""
    declared = typer.Option(
        flag or "--" + name.replace("_", "-"),
        parser=parser,
        metavar=metavar,
        help=purpose,
        rich_help_panel=panel,
    )
    annotation = Annotated[kind, declared]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def argument(name: str, metavar: str, purpose: str, kind: Any = Path | None) -> Parameter:
    """Return a word without a flag; it may be left out."""
    annotation = Annotated[kind, typer.Argument(metavar=metavar, help=purpose)]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def switch(name: str, purpose: str, panel: str | None = None, flag: str = "") -> Parameter:
    """Return an option without a value: False unless given."""
    return option(name, purpose, panel=panel, kind=bool, default=False, flag=flag)


def file(name: str, purpose: str, panel: str | None = None) -> Parameter:
    """Return an option that names a file."""
    return option(name, purpose, metavar=text("help.file"), panel=panel, kind=Path | None)


def language() -> Parameter:
    """Return the option --lang; `tongtou.cli` has read it before."""
    return option(
        "lang", text("help.lang"), parser=values.one_of(LANGUAGES), metavar="|".join(LANGUAGES)
    )


def general() -> list[Parameter]:
    """Return what every command takes."""
    return [switch("as_json", text("help.json"), flag="--json"), language()]


def for_train() -> list[Parameter]:
    """Return the options of `tongtou train`, by the panels of its help page."""
    return [
        argument("source", text("help.optional_data"), text("option.source")),
        *_network(text("help.network")),
        *_training(text("help.training")),
        *_against_overfitting(text("help.overfitting")),
        *_stopping(text("help.stopping")),
        *_data(text("help.data")),
        *_result(text("help.result")),
        switch("no_progress", text("option.no_progress")),
        *general(),
    ]


def _joined(names: Iterable[str]) -> str:
    return ", ".join(names)


def _data(panel: str) -> list[Parameter]:
    one = partial(option, panel=panel)
    return [
        one(
            "test_share",
            text("option.test_share"),
            parser=values.share,
            metavar=text("help.number"),
        ),
        *_table(text("help.table")),
        *_pictures(text("help.folder")),
        *_idx(text("help.idx")),
    ]


def _table(panel: str) -> list[Parameter]:
    names = text("help.names")
    one = partial(option, panel=panel)
    return [
        one("target", text("option.target"), parser=values.names, metavar=names),
        one(
            "kind",
            text("option.kind"),
            parser=values.one_of(["classes", "numbers"]),
            metavar=text("help.name"),
        ),
        one("drop", text("option.drop"), parser=values.names, metavar=names),
        one("columns", text("option.columns"), parser=values.kinds, metavar=text("help.columns")),
        one("missing", text("option.missing"), parser=values.names, metavar=names),
        one(
            "decimal",
            text("option.decimal"),
            parser=values.decimal,
            metavar=text("help.character"),
        ),
        *file_form(panel),
    ]


def file_form(panel: str | None = None) -> list[Parameter]:
    """Return how a text file with a table is written."""
    return [
        option(
            "separator",
            text("option.separator"),
            parser=values.separator,
            metavar=text("help.character"),
            panel=panel,
        ),
        option(
            "encoding",
            text("option.encoding"),
            parser=str,
            metavar=text("help.name"),
            panel=panel,
        ),
    ]


def _pictures(panel: str) -> list[Parameter]:
    return [
        option(
            "size",
            text("option.size"),
            parser=values.size,
            metavar=text("help.size"),
            panel=panel,
        ),
        switch("colour", text("option.colour"), panel),
        switch("invert", text("option.invert"), panel),
        option(
            "background",
            text("option.background"),
            parser=values.whole(0, 255),
            metavar=text("help.number"),
            panel=panel,
        ),
    ]


def _idx(panel: str) -> list[Parameter]:
    return [
        file("images", text("option.images"), panel),
        file("labels", text("option.labels"), panel),
        file("test_images", text("option.test_images"), panel),
        file("test_labels", text("option.test_labels"), panel),
    ]


def _network(panel: str) -> list[Parameter]:
    hidden = [one.name for one in ACTIVATIONS.values() if one.elementwise]
    one = partial(option, panel=panel, metavar=text("help.name"))
    return [
        one(
            "recipe",
            text("option.recipe", names=_joined(RECIPES)),
            parser=values.one_of(RECIPES),
        ),
        option(
            "hidden",
            text("option.hidden"),
            parser=values.sizes,
            metavar=text("help.sizes"),
            panel=panel,
        ),
        one(
            "activation",
            text("option.activation", names=_joined(hidden)),
            parser=values.several_of(hidden),
        ),
        one("output", text("option.output"), parser=values.one_of(ACTIVATIONS)),
        one("loss", text("option.loss", names=_joined(LOSSES)), parser=values.named(LOSSES)),
        one(
            "initializer",
            text("option.initializer", names=_joined(INITIALIZERS)),
            parser=values.one_of(INITIALIZERS),
        ),
        one("dtype", text("option.dtype"), parser=values.one_of(["float32", "float64"])),
    ]


def _training(panel: str) -> list[Parameter]:
    name, one = text("help.name"), partial(option, panel=panel, metavar=text("help.number"))
    return [
        one(
            "optimizer",
            text("option.optimizer", names=_joined(OPTIMIZERS)),
            parser=values.named(OPTIMIZERS),
            metavar=name,
        ),
        one("learning_rate", text("option.learning_rate"), parser=values.positive),
        one(
            "schedule",
            text("option.schedule", names=_joined(SCHEDULES)),
            parser=values.named(SCHEDULES),
            metavar=name,
        ),
        one("momentum", text("option.momentum"), parser=values.share),
        switch("nesterov", text("option.nesterov"), panel),
        one("weight_decay", text("option.weight_decay"), parser=values.at_least_zero),
        one("clip_norm", text("option.clip_norm"), parser=values.positive),
        one("clip_value", text("option.clip_value"), parser=values.positive),
        one("batch_size", text("option.batch_size"), parser=values.whole(1)),
        one("epochs", text("option.epochs"), parser=values.whole(0)),
        one("validation", text("option.validation"), parser=values.share_or_count),
        one("seed", text("option.seed"), parser=values.whole(0, MAX_SEED), default=0),
        one("threads", text("option.threads"), parser=values.whole(1)),
    ]


def _against_overfitting(panel: str) -> list[Parameter]:
    one = partial(option, panel=panel, metavar=text("help.number"))
    return [
        one(
            "augment",
            text("option.augment", names=_joined(AUGMENTATIONS)),
            parser=values.named_or_settings(AUGMENTATIONS),
            metavar=text("help.name"),
        ),
        one("dropout", text("option.dropout"), parser=values.rates),
        one("input_noise", text("option.input_noise"), parser=values.at_least_zero),
        one("label_smoothing", text("option.label_smoothing"), parser=values.share),
        one("l1", text("option.l1"), parser=values.at_least_zero),
        one("l2", text("option.l2"), parser=values.at_least_zero),
        one(
            "class_weight",
            text("option.class_weight"),
            parser=values.class_weight,
            metavar=text("help.weights"),
        ),
    ]


def _stopping(panel: str) -> list[Parameter]:
    one = partial(option, panel=panel, metavar=text("help.number"))
    return [
        one("patience", text("option.patience"), parser=values.whole(1)),
        one("target_accuracy", text("option.target_accuracy"), parser=values.above_zero_share),
        one("gradient_below", text("option.gradient_below"), parser=values.positive),
        one("flat_epochs", text("option.flat_epochs"), parser=values.whole(1)),
        one(
            "time_budget",
            text("option.time_budget"),
            parser=values.seconds,
            metavar=text("help.seconds"),
        ),
        one("max_steps", text("option.max_steps"), parser=values.whole(1)),
    ]


def _result(panel: str) -> list[Parameter]:
    return [
        switch("gates", text("option.gates"), panel),
        file("out", text("option.out"), panel),
        file("checkpoint", text("option.checkpoint"), panel),
        option(
            "checkpoint_every",
            text("option.checkpoint_every"),
            parser=values.seconds,
            metavar=text("help.seconds"),
            panel=panel,
        ),
        switch("resume", text("option.resume"), panel),
    ]


def for_evaluate() -> list[Parameter]:
    """Return the options of `tongtou evaluate`."""
    return [
        argument("model", text("help.optional_model"), text("option.model")),
        argument("source", text("help.optional_data"), text("option.own_source")),
        _abstain(),
        file("images", text("option.own_images")),
        file("labels", text("option.own_labels")),
        *file_form(),
        *general(),
    ]


def _abstain() -> Parameter:
    return option("abstain", text("option.abstain"), parser=values.risk, metavar=text("help.risk"))


def for_predict() -> list[Parameter]:
    """Return the options of `tongtou predict`."""
    return [
        argument("files", text("help.files"), text("option.files"), list[Path] | None),
        file("model", text("option.model")),
        _abstain(),
        file("out", text("option.predictions")),
        switch("lenient", text("option.lenient")),
        *file_form(),
        *general(),
    ]


def for_info() -> list[Parameter]:
    """Return the options of `tongtou info`."""
    return [
        argument("model", text("help.optional_model"), text("option.info_model")),
        *general(),
    ]
