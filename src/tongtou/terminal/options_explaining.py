"""The options of the commands that look into a trained network; see `options` for the others."""

from __future__ import annotations

from inspect import Parameter

from tongtou.i18n import text
from tongtou.terminal import values
from tongtou.terminal.options import MAX_SEED, argument, file, file_form, general, option, switch

METHODS = ("gradient", "gradient_x_input", "integrated", "occlusion")
"""Of attributions; written out, for a help page need not load what explains."""


def _model_and_data() -> list[Parameter]:
    return [
        argument("model", text("help.optional_model"), text("option.model")),
        argument("source", text("help.optional_data"), text("option.own_source")),
        file("images", text("option.own_images")),
        file("labels", text("option.own_labels")),
        *file_form(),
    ]


def for_check() -> list[Parameter]:
    """Return the options of `tongtou check`."""
    number = text("help.number")
    return [
        *_model_and_data(),
        option(
            "examples_asked",
            text("option.check_examples"),
            flag="--examples",
            parser=values.whole(1),
            metavar=number,
            default=20,
        ),
        option(
            "sample",
            text("option.check_sample"),
            parser=values.whole(1),
            metavar=number,
            default=400,
        ),
        switch("all_of_them", text("option.check_all"), flag="--all"),
        option(
            "tolerance",
            text("option.check_tolerance"),
            parser=values.at_least_zero,
            metavar=number,
            default=1e-6,
        ),
        *general(),
    ]


def for_explain() -> list[Parameter]:
    """Return the options of `tongtou explain`."""
    name, number = text("help.name"), text("help.number")
    return [
        argument("words", text("help.example_and_model"), text("option.example"), list[str] | None),
        file("model", text("option.model")),
        option("row", text("option.row"), parser=values.whole(1), metavar=number),
        option("answer", text("option.answer"), parser=str, metavar=name),
        option("over", text("option.over"), parser=str, metavar=name),
        option("terms", text("option.terms"), parser=values.whole(0), metavar=number, default=5),
        option("neuron", text("option.neuron"), parser=values.neuron, metavar=text("help.neuron")),
        switch("stroke", text("option.stroke")),
        switch("flip", text("option.flip")),
        option("to", text("option.to"), parser=str, metavar=name),
        option(
            "attribution",
            text("option.attribution", names=", ".join(METHODS)),
            parser=values.one_of(METHODS),
            metavar=name,
        ),
        *file_form(),
        *general(),
    ]


def _seed() -> Parameter:
    return option(
        "seed",
        text("option.sample_seed"),
        parser=values.whole(0, MAX_SEED),
        metavar=text("help.number"),
        default=0,
    )


def for_features() -> list[Parameter]:
    """Return the options of `tongtou features`."""
    pictures = switch("pictures", text("option.json_pictures"))
    return [*_model_and_data(), _seed(), pictures, *general()]


def for_health() -> list[Parameter]:
    """Return the options of `tongtou health`."""
    return [
        *_model_and_data(),
        switch("apply", text("option.apply")),
        file("out", text("option.mended")),
        *general(),
    ]


def for_report() -> list[Parameter]:
    """Return the options of `tongtou report`."""
    return [*_model_and_data(), file("out", text("option.report")), _seed(), *general()]
