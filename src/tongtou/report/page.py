"""Findings and drawings put together as one HTML file that needs nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import Any

from tongtou.extras import need
from tongtou.report import charts
from tongtou.report.settings_shown import epoch_columns, loss_name, reason, settings_of
from tongtou.report.views import views_of
from tongtou.report.words import Words, both, number, percent, shortened, signed

_SAFE_IN_SCRIPT = {ord(one): f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}


def html_of(findings: dict[str, Any], pictures: dict[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    findings : dict
        As `gathering.gathered` returns them.
    pictures : dict
        Data URIs by what they show.

    Raises
    ------
    MissingExtraError
        Jinja2 is not installed.
    """
    jinja2 = need("jinja2", "report")
    style, script = _part("style.css"), _part("script.js")
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_part),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    markup = need("markupsafe", "report").Markup
    environment.globals |= {
        "t": both,
        "pct": percent,
        "num": number,
        "signed": signed,
        "short": shortened,
        "loss_name": loss_name,
        "epoch_columns": epoch_columns,
        "reason": reason,
        "level_name": charts.level_name,
    }
    environment.filters["wording"] = wording
    whole: str = environment.get_template("report.html.j2").render(
        f=findings,
        pictures=pictures,
        settings=settings_of(findings["training"]["recipe"]),
        style=markup(style),
        script=markup(script),
        policy=policy(style, script),
        data=markup(in_script(findings)),
        **views_of(findings),
    )
    return whole


def policy(style: str, script: str) -> str:
    """Return a content security policy: this style, this script, pictures inside, nothing else."""
    return (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def in_script(findings: dict[str, Any]) -> str:
    """Return findings as JSON that can stand inside a script element."""
    said = json.dumps(findings, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return said.translate(_SAFE_IN_SCRIPT)


def wording(words: Words | str) -> dict[str, str]:
    """Return a text in both languages and in one line, for attributes."""
    if not isinstance(words, Words):
        words = Words(words, words)
    return {"en": words.en, "zh": words.zh, "line": str(words)}


def _part(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text("utf-8")
