"""Interrupted and taken up again; checkpoints, and Ctrl-C before anything has begun."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from command_line import Files, Run

import tongtou as tt
from tongtou import training
from tongtou.terminal.interrupts import leave_quietly

STOCHASTIC = ["--epochs", 6, "--optimizer", "adam", "--dropout", 0.2, "--validation", 50]


class InterruptedPace(training.Pace):
    """Slices of ten steps, and Ctrl-C after the fifth."""

    asked = 0

    def next_slice(self) -> tuple[int, int]:
        type(self).asked += 1
        if self.asked > 5:
            raise KeyboardInterrupt
        return 10, 1


def parameters(path: str) -> list[np.ndarray]:
    return [one for layer in tt.load(path).layers for one in (layer.W, layer.b)]


def test_a_run_goes_on_where_ctrl_c_ended_it_bit_for_bit(
    run: Run, few: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run("train", *few.words, *STOCHASTIC, "--out", "whole.safetensors")
    assert whole.code == 0
    words = ["train", *few.words, *STOCHASTIC, "--checkpoint-every", "1h"]
    with monkeypatch.context() as patch:
        patch.setattr(InterruptedPace, "asked", 0)
        patch.setattr(training, "Pace", InterruptedPace)
        broken = run(*words)
    assert broken.code == 130
    said = " ".join(broken.out.split())
    assert "46 steps is kept (whole epochs: 2); go on with the same command" in said
    assert Path("digits.safetensors.checkpoint").exists()
    resumed = run(*words, "--resume", "--json")
    assert resumed.code == 0
    history = json.loads(resumed.out)["history"]
    assert history["stopped_by"] == "epochs"
    assert [one["epoch"] for one in history["epochs"]] == [1, 2, 3, 4, 5, 6]
    for one, other in zip(
        parameters("digits.safetensors"), parameters("whole.safetensors"), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_resume_without_a_checkpoint_begins_afresh(run: Run, few: Files) -> None:
    done = run("train", *few.words, "--epochs", 1, "--resume", "--checkpoint", "c")
    assert done.code == 0
    assert Path("c").exists()
    # finished already: the same network once more, without a step
    again = run("train", *few.words, "--epochs", 1, "--resume", "--checkpoint", "c", "--json")
    assert again.code == 0
    assert json.loads(again.out)["history"]["n_steps"] == 18


def test_a_checkpoint_of_another_run_is_refused(run: Run, few: Files) -> None:
    words = ["train", *few.words, "--checkpoint", "c"]
    assert run(*words, "--epochs", 1).code == 0
    done = run(*words, "--epochs", 1, "--resume", "--learning-rate", 0.5)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "optimizer" in done.err


def test_a_checkpoint_that_cannot_be_written_is_a_remark(
    run: Run, few: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tongtou import checkpoints

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "write", full)
    done = run("train", *few.words, "--epochs", 1, "--checkpoint", "c")
    assert done.code == 0
    assert done.err.startswith("Note: ")
    assert done.err.count("\n") == 1
    assert "No space left" in done.err
    assert Path("digits.safetensors").exists()


@pytest.mark.parametrize("place", ["no/such/folder", "."])
def test_a_place_for_checkpoints_is_looked_at_before_the_work(
    run: Run, few: Files, place: str
) -> None:
    done = run("train", *few.words, "--checkpoint", place)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert place in done.err


# ---------------------------------------------------------------- while libraries are imported


def interrupted(block: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import os, signal\n"
        "from tongtou.terminal.interrupts import leave_quietly\n"
        f"{block}\n    os.kill(os.getpid(), signal.SIGINT)\n    import time; time.sleep(5)\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_ctrl_c_during_imports_is_quiet() -> None:
    done = interrupted("with leave_quietly():")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_that_check_can_fail() -> None:
    assert "KeyboardInterrupt" in interrupted("with leave_quietly(False):").stderr


def test_another_handler_of_ctrl_c_is_left_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: heard.append(number))
    try:
        with leave_quietly():
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [signal.SIGINT]


@pytest.fixture
def usual_handler() -> Iterator[None]:
    """Python's own handler, also where the tests were started with Ctrl-C ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_handler")
def test_the_usual_handler_is_back_afterwards() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with leave_quietly():
        assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.usefixtures("usual_handler")
def test_a_thread_that_is_not_the_main_one_changes_nothing() -> None:
    def inside() -> None:
        with leave_quietly():
            seen.append(signal.getsignal(signal.SIGINT))

    seen: list[object] = []
    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
