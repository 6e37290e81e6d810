"""A run that is killed again and again ends with the bits of the run never killed."""

import hashlib
import json
import random
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
from small_networks import bits, pixels

import tongtou as tt
from tongtou.checkpoints import Checkpoints, read
from tongtou.optimizers import AdamW
from tongtou.regularizers import Regularization
from tongtou.schedules import ReduceOnPlateau
from tongtou.stopping import EarlyStopping, LossFlat

N_KILLS = 20


def train(epochs, path=None):
    """Whatever a checkpoint has to hold is in use: slots, plateau, best epoch, dropout, weights."""
    net = tt.Network([200, 24, 10], activation="relu", output="softmax", loss="cross_entropy")
    X, y = pixels(3000, 200), np.random.default_rng(0).integers(0, 10, 3000)
    history = tt.fit(
        net,
        (X, y),
        optimizer=AdamW(ReduceOnPlateau(0.003, patience=1), weight_decay=0.01),
        regularization=Regularization(dropout=0.1, l1=1e-6),
        class_weight="balanced",
        validation=500,
        epochs=epochs,
        stop=[EarlyStopping(patience=10**6), LossFlat(0.0, 10**6)],
        checkpoint=None if path is None else Checkpoints(path, every_s=0.02),
        resume=path is not None,
        threads=1,
    )
    return net, history


def outcome(net, history):
    """All that must not depend on the interruptions: the clock's columns are left out."""
    clock = ("seconds", "time_s")
    epochs = [
        {k: v for k, v in epoch.items() if k not in clock} for epoch in history.to_dict()["epochs"]
    ]
    said = [epochs, history.stopped_by, history.n_steps, history.best_epoch]
    return hashlib.sha256(bits(net)).hexdigest(), json.dumps(said)


def test_sigkill_at_random_moments_changes_no_bit(tmp_path):
    program, path = tmp_path / "child.py", tmp_path / "run.checkpoint"
    script = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_checkpoints_killed import outcome, train
        print("ready", flush=True)
        net, history = train(int(sys.argv[1]), {str(path)!r})
        print(*outcome(net, history), sep="\\n")
    """
    program.write_text(textwrap.dedent(script))

    # As many epochs as take a processor longer than all the lives of the child together.
    began = time.process_time()
    train(20)
    epochs = max(60, int(20 * 3.0 / (time.process_time() - began)))
    expected = outcome(*train(epochs))

    chance, kills, steps = random.Random(2024), 0, set()
    while True:
        child = subprocess.Popen(
            [sys.executable, program, str(epochs)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert child.stdout.readline() == "ready\n", child.stderr.read()
            if kills < N_KILLS:
                time.sleep(chance.uniform(0, 0.14))
                assert child.poll() is None, "finished too soon to be killed"
                child.kill()
                kills += 1
                steps.add(step_of(tmp_path / "run.checkpoint"))
                continue
            out, errors = child.communicate(timeout=240)
        finally:
            child.kill()
            child.wait()
            child.stdout.close()
            child.stderr.close()
        break
    assert child.returncode == 0, errors
    assert tuple(out.splitlines()) == expected
    assert len(steps) > N_KILLS // 2  # it was killed on its way, each time further on


def wait_for_another(path):
    """Wait until the child has written a checkpoint of its own."""
    before = written_at(path)
    for _ in range(2000):
        if written_at(path) != before:
            return
        time.sleep(0.01)
    raise AssertionError("no checkpoint came in 20 s")


def written_at(path):
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return None


def step_of(path):
    """How far the last checkpoint had come: whatever the kill hit, it is whole."""
    saved = read(str(path))
    return None if saved is None else saved.told["run"]["history"]["n_steps"]
