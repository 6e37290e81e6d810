"""The progress bar: on a terminal, in two languages, and not where nobody looks."""

import contextlib
import os
import pty
import sys
import threading

import numpy as np
import pytest
from small_networks import pixels, steep

import tongtou as tt

# Progress -----------------------------------------------------------------------------------------


@pytest.fixture
def on_a_terminal(monkeypatch):
    """A function that calls another with a terminal as standard error: returns what it shows."""
    monkeypatch.setenv("TERM", "xterm")
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)

    def call(function):
        master, slave = pty.openpty()
        shown = []

        def read():  # meanwhile: a terminal holds a few thousand bytes at most
            with contextlib.suppress(OSError):  # how a terminal without writers ends
                while text := os.read(master, 65536):
                    shown.append(text)

        reader = threading.Thread(target=read)
        reader.start()
        with os.fdopen(slave, "w") as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            function()
        reader.join()
        os.close(master)
        return b"".join(shown).decode()

    return call


def train_a_little(**settings):
    data = tt.Dataset(pixels(40, 5), np.arange(40) % 3)
    tt.fit(tt.Network([5, 3]), data, epochs=3, validation=10, **settings)


def test_a_terminal_is_shown_the_progress(on_a_terminal, monkeypatch, capsys):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    shown = on_a_terminal(train_a_little)
    for word in ("epoch 3/3", "loss", "held out", "%"):
        assert word in shown
    assert capsys.readouterr().out == ""


def test_the_progress_speaks_chinese(on_a_terminal, monkeypatch):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    shown = on_a_terminal(train_a_little)
    assert "损失" in shown
    assert "loss" not in shown


@pytest.mark.parametrize("settings", [{"progress": False}, {"epochs": 0}], ids=["told", "no epoch"])
def test_a_terminal_is_left_alone(on_a_terminal, settings):
    data = tt.Dataset(pixels(40, 5), np.arange(40) % 3)
    assert on_a_terminal(lambda: tt.fit(tt.Network([5, 3]), data, **settings)) == ""


def test_a_file_is_left_alone_unless_told(capfd):
    train_a_little()
    assert capfd.readouterr() == ("", "")
    train_a_little(progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err


def test_the_terminal_is_given_back_after_a_divergence(on_a_terminal):
    def diverge():
        net = tt.Network([6, 2], output="linear")
        with pytest.raises(tt.DivergedError):
            tt.fit(net, steep(), optimizer=tt.SGD(100), epochs=5)

    shown = on_a_terminal(diverge)
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l") >= 0  # the cursor is back
