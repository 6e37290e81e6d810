"""What other parts say in the language in use, said in both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tongtou import i18n
from tongtou.report.words import Words


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use a language for a while, and then again what was in use before."""
    before = i18n._chosen
    i18n.use_language(language)
    try:
        yield
    finally:
        i18n.use_language(before)


def in_both(said: Callable[[], object]) -> Words:
    """Return what a function says in English and in Chinese."""
    found = {}
    for language in i18n.LANGUAGES:
        with speaking(language):
            found[language] = str(said())
    return Words(found["en"], found["zh"])
