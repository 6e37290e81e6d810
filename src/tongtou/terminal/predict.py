"""``tongtou predict``: what a saved network says of pictures, or of the rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tongtou import preprocessing
from tongtou.i18n import text
from tongtou.terminal import examples, predict_pictures, predict_rows
from tongtou.terminal.console import UserError, warnings_in_one_line

_MODEL_SUFFIX = ".safetensors"


def run(
    *,
    files: Sequence[Path] | None,
    model: Path | None,
    out: Path | None,
    lenient: bool,
    abstain: float | None,
    separator: str | None,
    encoding: str | None,
    as_json: bool,
    **_: Any,
) -> int:
    """Show what the network says of each file; return the exit code."""
    names = list(files or [])
    if names and names[0].suffix == _MODEL_SUFFIX:
        first = names.pop(0)
        if model is not None:
            raise UserError(text("error.two_models", first=first, second=model))
        model = first
    if not names:
        raise UserError(text("error.no_file"))
    path = model or Path(examples.DEFAULT_MODEL)
    net = examples.model(path)
    if abstain is not None:
        examples.require_gates(net, path)
    of_table = isinstance(net.preprocessing, preprocessing.TablePreprocessing)
    if not of_table:
        options = {
            "--out": out,
            "--lenient": lenient or None,
            "--separator": separator,
            "--encoding": encoding,
        }
        for option, value in options.items():
            if value is not None:
                raise UserError(text("error.not_a_table_model", option=option, file=path))
        return predict_pictures.run(net, path, names, abstain, as_json)
    form = {"separator": separator, "encoding": encoding or "utf-8"}
    with warnings_in_one_line():
        return predict_rows.run(net, path, names, out, not lenient, form, abstain, as_json)
