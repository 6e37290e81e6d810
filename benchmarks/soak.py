"""Soak runs: training for minutes under everything at once, killed again and again.

``python -m benchmarks.soak --seconds 120`` trains a network twice, once in one go and once in lives
of random length that SIGKILL ends, and compares the bits; and it watches whether memory grows. It
exits 1 where bits differ or memory grew.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import tongtou as tt

MOST_GROWTH_MB = 16


def train(epochs: int, path: str | None = None, progress: bool | None = False) -> tuple[Any, Any]:
    """Everything that a checkpoint has to hold, on all digits."""
    mnist = tt.datasets.mnist()
    net = tt.Network([784, 128, 64, 10], activation="relu", output="softmax", loss="cross_entropy")
    rate = tt.schedules.ReduceOnPlateau(0.002, patience=2)
    history = tt.fit(
        net,
        mnist.train,
        optimizer=tt.AdamW(rate, weight_decay=0.01, clip_norm=5.0),
        regularization=tt.Regularization(l1=1e-7, dropout=0.2, label_smoothing=0.05),
        augmentation=tt.Augmentation(shift=1, rotation=8, scale=0.08, shear=5),
        class_weight="balanced",
        batch_size=128,
        epochs=epochs,
        validation=5000,
        stop=[tt.EarlyStopping(patience=10**6), tt.LossFlat(0.0, 10**6)],
        checkpoint=None if path is None else tt.Checkpoints(path, every_s=0.5),
        resume=path is not None,
        progress=progress,
    )
    return net, history


def outcome(net: Any, history: Any) -> str:
    """A digest of all that must not depend on interruptions."""
    digest = hashlib.sha256()
    for layer in net.layers:
        digest.update(layer.W.tobytes() + layer.b.tobytes())
    for epoch in history.to_dict()["epochs"]:
        kept = {key: value for key, value in epoch.items() if key not in ("seconds", "time_s")}
        digest.update(json.dumps(kept).encode())
    return digest.hexdigest()


def anonymous_mb() -> float:
    """What this process has taken for itself, in megabytes."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def in_one_go(epochs: int, path: str) -> tuple[str, float]:
    """Train with checkpoints; return the digest and by how much memory grew after the start."""
    seen: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.2):
            seen.append(anonymous_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        result = outcome(*train(epochs, path, progress=None))
    finally:
        over.set()
        thread.join()
    fifth = max(1, len(seen) // 5)
    return result, max(seen[-fifth:]) - max(seen[: 2 * fifth])


def in_many_lives(epochs: int, path: str, longest_s: float) -> tuple[str, int]:
    """Train in child processes, all but the last of which are killed."""
    chance, lives = random.Random(0), 0
    while True:
        lives += 1
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.soak", "--child", path, "--epochs", str(epochs)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            out, _ = child.communicate(timeout=2 + chance.uniform(0, longest_s))
            return out.strip(), lives
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()


def main() -> int:
    """Run, print what was found, and return 1 where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120, help="about how long one go takes")
    parser.add_argument("--epochs", type=int, help="instead of --seconds")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        print(outcome(*train(chosen.epochs, chosen.child)))
        return 0
    began = time.perf_counter()
    train(1)
    epochs = chosen.epochs or max(2, round(chosen.seconds / (time.perf_counter() - began)))
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        expected, growth = in_one_go(epochs, str(Path(folder) / "one.checkpoint"))
        longest_s = (time.perf_counter() - began) / 10
        found, lives = in_many_lives(epochs, str(Path(folder) / "many.checkpoint"), longest_s)
        left = sorted(path.name for path in Path(folder).iterdir())
    print(f"{epochs} epochs; memory grew by {growth:.1f} MB (allowed {MOST_GROWTH_MB})")
    same = "equal" if found == expected else "DIFFER"
    print(f"{lives} lives, {lives - 1} of them killed: bits {same}")
    print(f"left in the folder: {', '.join(left)}")
    return 0 if found == expected and growth <= MOST_GROWTH_MB else 1


if __name__ == "__main__":
    sys.exit(main())
