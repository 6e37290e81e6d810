"""The progress bar: on a terminal, in two languages, and not where nobody looks."""

import contextlib
import os
import pty
import re
import sys
import threading

import numpy as np
import pytest
from small_networks import pixels, set_pace, steep

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


def shown_states(monkeypatch, **settings):
    """The words beside the bar after each slice of a fit; the clock goes 2 s a slice."""
    from tongtou import progress

    now, states = [0.0], []
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(progress, "_REFRESH_S", 0)
    show = progress.Progress._show

    def look(self, step, run):
        now[0] += 2
        show(self, step, run)
        states.append((step, self._bar.tasks[0].fields["state"], self._bar.tasks[0].completed))

    monkeypatch.setattr(progress.Progress, "_show", look)
    train_a_little(progress=True, **settings)
    return states


def test_speed_and_the_time_left(monkeypatch):
    """30 examples of an epoch in 3 batches: 10 examples in 2 s, 9 steps in all."""
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    set_pace(monkeypatch, 1)
    states = shown_states(monkeypatch, batch_size=10)
    assert [step for step, _, _ in states] == list(range(1, 10))
    assert states[0][1] == "5 samples/s  0:16 left"
    assert states[4][1].startswith("loss ")
    assert states[4][1].endswith("  5 samples/s  0:08 left")
    assert "held out" in states[4][1]
    assert "left" not in states[8][1]


def test_the_time_left_is_that_up_to_a_step_limit(monkeypatch):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    set_pace(monkeypatch, 1)
    states = shown_states(monkeypatch, batch_size=10, stop=tt.StepLimit(5))
    assert states[0][1].endswith("0:08 left")
    assert len(states) == 5


def test_a_resumed_run_counts_its_own_steps(monkeypatch, tmp_path):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    set_pace(monkeypatch, 1)
    there = tt.Checkpoints(tmp_path / "run", every_steps=1)
    settings = {"batch_size": 10, "checkpoint": there, "progress": False}

    def callback(record):
        if record.epoch == 2:
            raise KeyboardInterrupt

    train_a_little(callback=callback, **settings)
    settings.pop("progress")
    states = shown_states(monkeypatch, resume=True, **settings)
    assert [(step, done) for step, _, done in states] == [(7, 7), (8, 8), (9, 9)]
    assert states[0][1].endswith("每秒 5 个样本  剩余 0:04")


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_bar_fits_the_terminal(on_a_terminal, monkeypatch, columns):
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    monkeypatch.setenv("COLUMNS", str(columns))
    shown = on_a_terminal(train_a_little)
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n").split("\n")
    assert max(map(len, lines)) <= columns


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
