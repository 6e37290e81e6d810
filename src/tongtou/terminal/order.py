"""What a user asked `tongtou train` for: an option that was not given is None."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tongtou.terminal.values import Named


@dataclass(frozen=True)
class TrainingOrder:
    """One field an option, in the order of the help page."""

    source: Path | None = None
    # the network
    recipe: str | None = None
    hidden: tuple[int, ...] | None = None
    activation: tuple[str, ...] | None = None
    output: str | None = None
    loss: Named | None = None
    initializer: str | None = None
    dtype: str | None = None
    # the training
    optimizer: Named | None = None
    learning_rate: float | None = None
    schedule: Named | None = None
    momentum: float | None = None
    nesterov: bool = False
    weight_decay: float | None = None
    clip_norm: float | None = None
    clip_value: float | None = None
    batch_size: int | None = None
    epochs: int | None = None
    validation: float | None = None
    seed: int = 0
    threads: int | None = None
    # against learning by heart
    augment: Named | None = None
    dropout: tuple[float, ...] | None = None
    input_noise: float | None = None
    label_smoothing: float | None = None
    l1: float | None = None
    l2: float | None = None
    class_weight: str | dict[str, float] | None = None
    # when to stop
    patience: int | None = None
    target_accuracy: float | None = None
    gradient_below: float | None = None
    flat_epochs: int | None = None
    time_budget: float | None = None
    max_steps: int | None = None
    # the data
    test_share: float | None = None
    target: tuple[str, ...] | None = None
    kind: str | None = None
    drop: tuple[str, ...] | None = None
    columns: dict[str, str] | None = None
    missing: tuple[str, ...] | None = None
    decimal: str | None = None
    separator: str | None = None
    encoding: str | None = None
    size: tuple[int, int] | None = None
    colour: bool = False
    invert: bool = False
    background: int | None = None
    images: Path | None = None
    labels: Path | None = None
    test_images: Path | None = None
    test_labels: Path | None = None
    # the result
    gates: bool = False
    out: Path | None = None
    checkpoint: Path | None = None
    checkpoint_every: float | None = None
    resume: bool = False
    no_progress: bool = False
    as_json: bool = False
    lang: str | None = None
