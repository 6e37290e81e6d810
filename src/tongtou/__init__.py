"""Tongtou 通透: a neural network that you can see through."""

import importlib as _importlib
from types import ModuleType as _ModuleType

from tongtou import datasets, images, schedules
from tongtou.augmentation import Augmentation
from tongtou.checkpoints import CheckpointError, Checkpoints, CheckpointWarning
from tongtou.datasets import Dataset
from tongtou.dense import Dense
from tongtou.errors import (
    DataError,
    DivergedError,
    FileFormatError,
    MissingExtraError,
    ShapeError,
    TongtouError,
)
from tongtou.files import load
from tongtou.gradients import gradient_check
from tongtou.history import History
from tongtou.network import Network
from tongtou.optimizers import SGD, Adam, AdamW, GradientDescent, RMSprop
from tongtou.regularizers import Regularization
from tongtou.stopping import (
    EarlyStopping,
    GradientSmall,
    LossFlat,
    StepLimit,
    Stopping,
    TargetAccuracy,
    TimeBudget,
)
from tongtou.training import fit

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Augmentation",
    "CheckpointError",
    "CheckpointWarning",
    "Checkpoints",
    "DataError",
    "Dataset",
    "Dense",
    "DivergedError",
    "EarlyStopping",
    "FileFormatError",
    "GradientDescent",
    "GradientSmall",
    "History",
    "LossFlat",
    "MissingExtraError",
    "Network",
    "RMSprop",
    "Regularization",
    "ShapeError",
    "StepLimit",
    "Stopping",
    "TargetAccuracy",
    "TimeBudget",
    "TongtouError",
    "datasets",
    "fit",
    "gradient_check",
    "images",
    "load",
    "schedules",
]

_LATER = ("estimators", "plots", "recipes")
"""Modules that are imported when first asked for: `tongtou.plots` without a further import."""


def __getattr__(name: str) -> _ModuleType:
    if name in _LATER:
        return _importlib.import_module(f"tongtou.{name}")
    raise AttributeError(f"module 'tongtou' has no attribute {name!r}")
