"""Sentences in both languages at once: a report has them side by side and shows one."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

from tongtou import i18n


@dataclass(frozen=True)
class Words:
    """One text in each language, not yet escaped."""

    en: str
    zh: str

    def __html__(self) -> str:
        """Return HTML that holds both; the style sheet shows the one in use."""
        en, zh = escape(self.en), escape(self.zh)
        if en == zh:
            return en
        return f'<span class="en" lang="en">{en}</span><span class="zh" lang="zh-CN">{zh}</span>'

    def __str__(self) -> str:
        """Return both in a line, for places that hold one text alone."""
        return self.en if self.en == self.zh else f"{self.en} · {self.zh}"

    def in_language(self, language: str) -> str:
        """Return the text in "en" or "zh"."""
        return self.zh if language == "zh" else self.en


def both(key: str, **values: Any) -> Words:
    """Return the text of a key in both languages; values may be `Words` themselves.

    Examples
    --------
    >>> both("loss.mse")
    Words(en='mean squared error', zh='均方误差')
    """
    said = {}
    for language in ("en", "zh"):
        filled = {
            name: one.in_language(language) if isinstance(one, Words) else one
            for name, one in values.items()
        }
        said[language] = i18n.catalogue(language)[key].format(**filled)
    return Words(**said)


def same(thing: object) -> Words:
    """Return a name, which is the same in both languages."""
    return Words(str(thing), str(thing))


def number(value: float | None, digits: int = 4) -> str:
    """Return a number with about so many digits, and none before the point cut off."""
    if value is None:
        return "–"
    said = f"{value:,.0f}" if abs(value) >= 10 ** (digits - 1) else f"{value:.{digits}g}"
    return said.replace("-", "−")


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in percent: 95.3%; nothing short of all becomes 100%."""
    if value is None:
        return "–"
    said = f"{100 * value:.{digits}f}"
    if (float(said) == 100) != (value == 1) or (float(said) == 0) != (value == 0):
        said = (
            f"{100 * value:.3g}" if value < 0.5 else f"{100 - float(f'{100 - 100 * value:.2g}'):g}"
        )
    return f"{said}%"


def signed(value: float, digits: int = 3) -> str:
    """Return a number that always shows its sign."""
    said = number(value, digits)
    return said if value < 0 else f"+{said}"


def shortened(text: str, most: int) -> str:
    """Return a text that is at most so wide; a Chinese character counts as two."""
    width, kept = 0, 0
    for kept, one in enumerate(text):
        width += 2 if ord(one) >= 0x2E80 else 1
        if width > most:
            return text[:kept].rstrip() + "…"
    return text
