"""Every sentence a user reads on the command line, in English and Chinese."""

from __future__ import annotations

import json
import os
from functools import cache
from importlib import resources

LANGUAGES = ("en", "zh")

_chosen: str | None = None


def use_language(language: str | None) -> None:
    """Set the language, "en" or "zh"; None goes back to what the locale says.

    Raises
    ------
    ValueError
        There is no catalogue of that language.
    """
    global _chosen
    if language is not None and language not in LANGUAGES:
        raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}.")
    _chosen = language


def language() -> str:
    """Return the language in use: as set, otherwise by LC_ALL, LC_MESSAGES or LANG."""
    if _chosen is not None:
        return _chosen
    for variable in ("LC_ALL", "LC_MESSAGES", "LANG"):
        value = os.environ.get(variable)
        if value:
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return every text of a language by its key."""
    source = resources.files(__package__).joinpath(f"{language}.json").read_text("utf-8")
    texts: dict[str, str] = json.loads(source)
    return texts


def text(key: str, **values: object) -> str:
    """Return the text of a key in the language in use, with ``{names}`` filled in."""
    return catalogue(language())[key].format(**values)
