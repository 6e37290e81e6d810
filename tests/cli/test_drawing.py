"""Pictures, bars, wrapped lines, what a test finds, and values behind options."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import tongtou as tt
from tongtou.datasets import Dataset
from tongtou.terminal import console, pictures, values
from tongtou.terminal.findings import examine


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def drawn_on_terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLORTERM", "truecolor")
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    one = console.console_on(Terminal())
    pixels = np.array([[0, 255], [100, 0]], np.uint8)
    return console.drawn(one, [pictures.picture(pixels, one)])


def test_colours_are_for_terminals_that_have_them(monkeypatch: pytest.MonkeyPatch) -> None:
    in_colour = drawn_on_terminal(monkeypatch)
    assert "\x1b[38;2;0;0;0;48;2;100;100;100m▀" in in_colour
    assert "\x1b[38;2;255;255;255;48;2;0;0;0m▀" in in_colour
    assert drawn_on_terminal(monkeypatch, NO_COLOR="1") == "░▒\n"
    monkeypatch.delenv("NO_COLOR")
    assert drawn_on_terminal(monkeypatch, TERM="dumb") == "░▒\n"


def test_a_terminal_without_unicode_gets_ascii(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "encoding", "ascii")
    assert drawn_on_terminal(monkeypatch, NO_COLOR="1") == ".+\n"
    assert pictures.bar(0.5, 10, console.console_on(Terminal())) == "#####"


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0, ""), (1, "████"), (0.5, "██"), (2, "████"), (-1, ""), (0.28, "█▏"), (0.001, "")],
)
def test_bars_are_drawn_to_an_eighth(share: float, expected: str) -> None:
    assert pictures.bar(share, 4, console.console_on(Terminal())) == expected


def test_ink_is_cut_out_whole_or_made_smaller() -> None:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 10:14] = 200
    cut = pictures.cut_out(pixels, 22, 8)
    assert cut.shape == (22, 8)
    np.testing.assert_array_equal(cut[1:21, 2:6], 200)
    assert cut.sum() == pixels.sum()
    half = pictures.cut_out(pixels, 10, 8)
    np.testing.assert_array_equal(half[:, 3:5], 200)
    assert half.sum() == pixels.sum() / 4
    assert not pictures.cut_out(np.zeros((5, 5), np.uint8), 3, 3).any()


@given(st.text("ab ，。（）[]学习率x", max_size=60), st.integers(4, 30))
def test_wrapping_keeps_every_word_and_the_marks(sentence: str, width: int) -> None:
    lines = console.wrapped(sentence, width)
    assert "".join(lines).replace(" ", "") == sentence.replace(" ", "")
    for line in lines:
        pieces = console._PIECES.findall(line)
        assert cell_len(line) <= width or len(pieces) == 1


@pytest.mark.parametrize(
    ("sentence", "width", "expected"),
    [
        ("one two three", 8, ["one two", "three"]),
        ("one  two", 8, ["one  two"]),
        ("unbreakable", 4, ["unbreakable"]),
        ("学习率太大", 6, ["学习率", "太大"]),
        ("学习率，太大", 6, ["学习", "率，太", "大"]),
        ("太大（学习率）", 6, ["太大", "（学习", "率）"]),
        ("用 sigmoid 的网络", 10, ["用 sigmoid", "的网络"]),
        ("seed [default: 0]", 12, ["seed", "[default: 0]"]),
        ("one\ntwo", 80, ["one", "two"]),
        ("", 5, [""]),
    ],
)
def test_lines_are_broken_where_people_break_them(
    sentence: str, width: int, expected: list[str]
) -> None:
    assert console.wrapped(sentence, width) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("16,16", (16, 16)), ("8", (8,)), ("0", ()), ("3，4", (3, 4)), (" 5 , 6 ", (5, 6))],
)
def test_hidden_sizes(text: str, expected: tuple[int, ...]) -> None:
    assert values.sizes(text) == expected
    assert values.sizes(values.sizes(text)) == expected


@pytest.mark.parametrize("text", ["", "16,", "-1", "0,0", "1.5", "a"])
def test_wrong_hidden_sizes(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        values.sizes(text)


def test_findings_of_a_network_worked_by_hand() -> None:
    net = tt.Network([3, 3], output="linear")
    net.layers[0].W, net.layers[0].b = np.eye(3), np.zeros(3)
    net.classes = ("a", "b", "c")
    X = np.array([[9, 0, 0], [0, 8, 0], [0, 7, 0], [5, 0, 1]], np.float32)
    found = examine(net, Dataset(X, np.array([0, 1, 0, 1]), net.classes))
    assert found.confusion is not None
    assert found.confusion.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    assert (found.n, found.n_right, found.accuracy) == (4, 2, 0.5)
    assert found.class_accuracy() == [0.5, 0.5, None]
    assert [(one.row, one.is_class, one.said_class, one.confidence) for one in found.wrong] == [
        (2, 0, 1, 7.0),
        (3, 1, 0, 5.0),
    ]


def test_a_single_output_is_the_confidence_in_class_1() -> None:
    net = tt.Network([1, 1])
    net.layers[0].W, net.layers[0].b = [[1.0]], [0.0]
    X = np.array([[-2], [2], [1]], np.float32)
    found = examine(net, Dataset(X, np.array([0, 1, 0])))
    assert found.confusion is not None
    assert found.confusion.tolist() == [[1, 1], [0, 1]]
    assert found.wrong[0].confidence == pytest.approx(1 / (1 + np.exp(-1)))


@pytest.mark.parametrize(
    ("strange", "expected"),
    [
        ("two\nlines\r\n and  spaces", "two lines and spaces"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("名字 é", "名字 é"),
        ("\udcff", "\\xdcff"),
        (Path("a\tb"), "a b"),
    ],
)
def test_strange_text_becomes_one_harmless_line(strange: object, expected: str) -> None:
    assert console.one_line(strange) == expected
