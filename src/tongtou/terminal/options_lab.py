"""The options of `tongtou lab`."""

from __future__ import annotations

from inspect import Parameter

from tongtou.i18n import text
from tongtou.terminal import values
from tongtou.terminal.options import argument, file, general, option, switch


def for_lab() -> list[Parameter]:
    """Return the options of `tongtou lab`."""
    return [
        argument("model", text("help.optional_model"), text("option.lab_model")),
        file("export", text("option.lab_export")),
        option("port", text("option.lab_port"), parser=values.whole(0)),
        switch("no_browser", text("option.lab_no_browser")),
        *general(),
    ]
