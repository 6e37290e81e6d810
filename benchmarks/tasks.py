"""What is trained: every network with its data, rule and batch, alike for every contestant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.settings import BATCHES, EPOCHS, LEARNING_RATES, SIZES


@dataclass(frozen=True)
class Task:
    """A network, how it is trained, and on what."""

    name: str
    sizes: tuple[int, ...]
    activation: str
    """Of the hidden layers, "sigmoid" or "relu"; then softmax and cross-entropy."""
    rule: str
    """"sgd", plain, or "adam" with the constants below."""
    batch: int
    learning_rate: float
    epochs: int = 1
    """Of one run."""
    data: str = "digits"
    """"digits": 60,000 x 784, uint8; "table": 100,000 x 50, float32."""
    asked: float | None = None
    """How many times as fast as the fastest peer Tongtou is to be."""
    tolerance: float = 1e-5
    """Of the test loss after the steps of the check, relative: see `benchmarks.wide`."""

    @property
    def heading(self) -> str:
        """What stands above its figures."""
        rule = {"sgd": "plain steps", "adam": "Adam"}[self.rule]
        layers = "-".join(map(str, self.sizes))
        examples = {"digits": "60,000 digits", "table": "a 100,000 x 50 table"}[self.data]
        return f"{layers} {self.activation}, {rule}, batch {self.batch}: one epoch of {examples}"


BETA1: Final = 0.9
BETA2: Final = 0.999
EPSILON: Final = 1e-8

LESSON: Final = {
    batch: Task(
        f"lesson-{batch}", SIZES, "sigmoid", "sgd", batch, LEARNING_RATES[batch], EPOCHS[batch]
    )
    for batch in BATCHES
}
"""The lesson's network by batch size: the tasks of the first benchmark, on one thread."""

WIDE: Final = {
    task.name: task
    for task in (
        Task("lesson-adam", SIZES, "sigmoid", "adam", 32, 0.001, asked=5.0),
        Task("quick-32", (784, 128, 10), "relu", "sgd", 32, 0.1, asked=3.0),
        Task("quick-256", (784, 128, 10), "relu", "sgd", 256, 0.3, asked=2.5),
        Task("best", (784, 256, 128, 10), "relu", "adam", 128, 0.001, asked=2.0, tolerance=1e-3),
        Task("wide", (784, 800, 800, 10), "relu", "adam", 256, 0.001, asked=1.0, tolerance=1e-3),
        Task(
            "table",
            (50, 64, 64, 2),
            "relu",
            "adam",
            256,
            0.001,
            data="table",
            asked=3.0,
            tolerance=1e-4,
        ),
    )
}
"""Other networks, other data: every contestant may use all cores."""

TASKS: Final = {task.name: task for task in (*LESSON.values(), *WIDE.values())}
