"""What is read from the words behind options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import typer

from tongtou.terminal import values
from tongtou.terminal.values import Named

KNOWN = ("step", "cosine")


@pytest.mark.parametrize(
    ("read", "said", "expected"),
    [
        (values.share, "0.2", 0.2),
        (values.share, "20%", 0.2),
        (values.share, "20％", 0.2),
        (values.share, "0", 0.0),
        (values.above_zero_share, "97.5%", 0.975),
        (values.above_zero_share, "1", 1.0),
        (values.at_least_zero, "0", 0.0),
        (values.seconds, "90", 90.0),
        (values.seconds, "90s", 90.0),
        (values.seconds, "1.5m", 90.0),
        (values.seconds, "2H", 7200.0),
        (values.rates, "0.5", (0.5,)),
        (values.rates, "0.2，50%", (0.2, 0.5)),
        (values.names, "price", ("price",)),
        (values.names, "price, rent，面积", ("price", "rent", "面积")),
        (values.size, "28", (28, 28)),
        (values.size, "32x20", (32, 20)),
        (values.size, "32×20", (32, 20)),
        (values.kinds, "zip=category,sold=%d.%m.%Y", {"zip": "category", "sold": "%d.%m.%Y"}),
        (values.decimal, ",", ","),
        (values.separator, ";", ";"),
        (values.separator, "tab", "\t"),
        (values.separator, "\\t", "\t"),
        (values.class_weight, "balanced", "balanced"),
        (values.class_weight, "cat=2,a=b=0", {"cat": 2.0, "a=b": 0.0}),
        (values.several_of(KNOWN), "step", ("step",)),
        (values.several_of(KNOWN), "step,cosine", ("step", "cosine")),
        (values.named(KNOWN), "step", Named("step", {})),
        (values.named(KNOWN), "step:a=1,b=0.5", Named("step", {"a": 1, "b": 0.5})),
        (values.named(KNOWN), "step：a=true，b=x", Named("step", {"a": True, "b": "x"})),
        (values.named_or_settings(KNOWN), "cosine", Named("cosine", {})),
        (values.named_or_settings(KNOWN), "a=1e-3", Named("", {"a": 0.001})),
    ],
)
def test_what_is_read(read: Callable[[Any], Any], said: str, expected: Any) -> None:
    found = read(said)
    assert found == expected
    assert read(found) == expected  # Click reads a default that has been read already


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (values.share, "1"),
        (values.share, "-0.1"),
        (values.share, "x"),
        (values.share, "nan"),
        (values.above_zero_share, "0"),
        (values.above_zero_share, "97.5"),
        (values.at_least_zero, "-1"),
        (values.at_least_zero, "inf"),
        (values.seconds, "0"),
        (values.seconds, "5 parsecs"),
        (values.seconds, ""),
        (values.rates, "0.5,"),
        (values.names, ","),
        (values.size, "28x28x3"),
        (values.size, "0x28"),
        (values.size, "big"),
        (values.kinds, "zip"),
        (values.kinds, "=category"),
        (values.decimal, "x"),
        (values.separator, "ab"),
        (values.separator, '"'),
        (values.class_weight, "cat"),
        (values.class_weight, "cat=-1"),
        (values.class_weight, "=1"),
        (values.several_of(KNOWN), "step,stop"),
        (values.named(KNOWN), "stop"),
        (values.named(KNOWN), "step:"),
        (values.named(KNOWN), "step:a"),
        (values.named(KNOWN), "step:a=1,a=2"),
        (values.named(KNOWN), "step:a b=1"),
        (values.named_or_settings(KNOWN), "stop"),
    ],
)
def test_what_is_refused(read: Callable[[Any], Any], said: str) -> None:
    with pytest.raises(typer.BadParameter):
        read(said)


def test_a_named_thing_is_shown_as_it_is_typed() -> None:
    assert str(values.named(KNOWN)("step:a=1,b=x")) == "step:a=1,b=x"
    assert str(Named("step", {})) == "step"
