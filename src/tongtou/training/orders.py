"""From the settings of `fit` to a task, its windows and a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.augmentation import Augmentation, checked_picture_shape
from tongtou.boundary import Examples
from tongtou.checkpoints import Checkpoints
from tongtou.datasets.dataset import Dataset
from tongtou.engines import Task
from tongtou.errors import DataError
from tongtou.network import Network
from tongtou.optimizers import GradientDescent, Optimizer
from tongtou.regularizers import Regularization
from tongtou.stopping import Stopping
from tongtou.training.examples import Material
from tongtou.training.tape import Recording
from tongtou.training.windows import Windows, cut

if TYPE_CHECKING:
    from tongtou.history import History


def check_kinds(
    net: object,
    optimizer: object,
    regularization: object,
    augmentation: object,
    checkpoint: object,
    resume: object,
    shuffle: object,
    progress: object,
    callback: object,
) -> None:
    """Refuse what is not of the kind that `fit` takes."""
    if not isinstance(net, Network):
        raise ValueError(
            f"net must be a tt.Network; it is of the type {type(net).__name__}. "
            "Call tt.fit(net, data)."
        )
    if not isinstance(optimizer, Optimizer):
        raise ValueError(
            "optimizer must be one of Tongtou's, such as tt.SGD(learning_rate=…); "
            f"got {optimizer!r}."
        )
    for name, value, kind, example in (
        ("regularization", regularization, Regularization, "tt.Regularization(l2=1e-4)"),
        ("augmentation", augmentation, Augmentation, "tt.Augmentation(shift=2)"),
        ("checkpoint", checkpoint, Checkpoints, "tt.Checkpoints('run.checkpoint')"),
    ):
        if value is not None and not isinstance(value, kind):
            raise ValueError(f"{name} must be such as {example}, or None; got {value!r}.")
    for name, value in (("shuffle", shuffle), ("resume", resume)):
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name} must be True or False; it is {value!r}.")
    if progress is not None and not isinstance(progress, (bool, np.bool_)):
        raise ValueError(f"progress must be True, False or None; it is {progress!r}.")
    if callback is not None and not callable(callback):
        raise ValueError(
            "callback must be a function that takes the EpochRecord of each epoch, or None; "
            f"it is {callback!r}."
        )
    if resume and checkpoint is None:
        raise ValueError(
            "resume=True needs checkpoint=tt.Checkpoints(path), the file to go on from."
        )


def tape_of(recording: object) -> Recording | None:
    """Return what the run is recorded on."""
    if isinstance(recording, Recording):
        return recording
    if not isinstance(recording, (bool, np.bool_)):
        raise ValueError(
            "recording must be True, False or a Recording, such as "
            f"tt.Recording(max_bytes=2**26); it is {recording!r}."
        )
    return Recording() if recording else None


def task_of(
    net: Network,
    data: Examples,
    material: Material,
    batch_size: int | None,
    seed: int,
    shuffle: bool,
    optimizer: Optimizer,
    regularization: Regularization | None,
    augmentation: Augmentation | None,
    stops: tuple[Stopping, ...],
) -> tuple[Task, Windows | None]:
    """Return what the engine is told, and how streamed data is cut."""
    n = len(material.rows)
    size = n if batch_size is None or isinstance(optimizer, GradientDescent) else min(batch_size, n)
    regularization = regularization or Regularization()
    regularization.rates(len(net.layers))  # refuses a dropout of another length
    if regularization.label_smoothing:
        _check_smoothable(net, material.y)
    shape: tuple[int, ...] = ()
    if augmentation:
        shape = (data.shape if isinstance(data, Dataset) else ()) or net.input_shape
        shape = checked_picture_shape(material.X.dtype, net.sizes[0], shape)
    task = Task(
        material.X,
        material.y,
        material.rows,
        size,
        seed,
        bool(shuffle),
        optimizer=optimizer,
        regularization=regularization,
        augmentation=augmentation or None,
        input_shape=shape,
        weights=material.weights,
        measure_gradient=any(one.needs_gradient for one in stops),
    )
    if not material.streamed:
        return task, None
    return task, cut(material.X, material.rows, net.blueprint, size, seed, shuffle)


def _check_smoothable(net: Network, y: NDArray[Any]) -> None:
    """Refuse to smooth numbers, which would become other numbers."""
    if y.ndim == 1:
        return
    confidences = bool(((y >= 0) & (y <= 1)).all())
    if not confidences or not (net.is_classifier or np.isin(y, (0, 1)).all()):
        raise DataError(
            "label_smoothing is for classes: it draws 0 and 1 together. These targets are numbers, "
            "which it would change. Leave it out."
        )


def recipe_of(
    data: Examples,
    material: Material,
    task: Task,
    windows: Windows | None,
    epochs: int,
    stops: tuple[Stopping, ...],
    sample_weight: bool,
    class_weight: str | Mapping[Any, float] | None,
) -> dict[str, Any]:
    """Return how the network is trained, ready for JSON; what was not asked for is left out."""
    recipe: dict[str, Any] = {
        "optimizer": task.optimizer.describe(),
        "batch_size": task.batch_size,
        "epochs": epochs,
        "seed": task.seed,
        "shuffle": task.shuffle,
        "n_train": len(material.rows),
        "n_validation": material.n_held,
    }
    if task.regularization:
        recipe["regularization"] = task.regularization.describe()
    if task.augmentation:
        recipe["augmentation"] = task.augmentation.describe()
    if stops:
        recipe["stopping"] = [one.describe() for one in stops]
    if sample_weight:
        recipe["sample_weight"] = True
    if isinstance(class_weight, str):
        recipe["class_weight"] = class_weight
    elif class_weight is not None:
        recipe["class_weight"] = {str(key): float(w) for key, w in class_weight.items()}
    if windows is not None:
        recipe["window_rows"] = windows.size
    if isinstance(data, Dataset) and data.name:
        recipe["data"] = data.name
    return recipe


def adopt(net: Network, data: Examples, recipe: dict[str, Any], history: History) -> None:
    """Tell the network what it is trained on, and how."""
    net.history, net.recipe = history, recipe
    if isinstance(data, Dataset):
        net.classes, net.input_shape = data.classes, data.shape
        net.preprocessing = data.preprocessing
