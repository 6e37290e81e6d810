"""Tongtou 通透: a neural network that you can see through.

Names are imported when they are first used: ``import tongtou`` itself costs next to nothing.
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from tongtou import datasets, explanation, honesty, images, plots, recipes, report, schedules
    from tongtou import estimators as estimators
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
    from tongtou.explanation import Explanation, backprop, explain
    from tongtou.files import load
    from tongtou.gradients import gradient_check
    from tongtou.history import History
    from tongtou.labserver import lab
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
    from tongtou.training import Recording, fit

__version__ = "0.1.0"

_HOME = {
    "augmentation": ("Augmentation",),
    "checkpoints": ("CheckpointError", "CheckpointWarning", "Checkpoints"),
    "datasets": ("Dataset",),
    "dense": ("Dense",),
    "errors": (
        "DataError",
        "DivergedError",
        "FileFormatError",
        "MissingExtraError",
        "ShapeError",
        "TongtouError",
    ),
    "explanation": ("Explanation", "backprop", "explain"),
    "files": ("load",),
    "gradients": ("gradient_check",),
    "history": ("History",),
    "labserver": ("lab",),
    "network": ("Network",),
    "optimizers": ("SGD", "Adam", "AdamW", "GradientDescent", "RMSprop"),
    "regularizers": ("Regularization",),
    "stopping": (
        "EarlyStopping",
        "GradientSmall",
        "LossFlat",
        "StepLimit",
        "Stopping",
        "TargetAccuracy",
        "TimeBudget",
    ),
    "training": ("Recording", "fit"),
}
"""The public names by the module that has them."""
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}
_MODULES = (
    "datasets",
    "estimators",
    "explanation",
    "honesty",
    "images",
    "plots",
    "recipes",
    "report",
    "schedules",
)
"""Public modules. `estimators` is not in __all__: importing it needs scikit-learn."""

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
    "Explanation",
    "FileFormatError",
    "GradientDescent",
    "GradientSmall",
    "History",
    "LossFlat",
    "MissingExtraError",
    "Network",
    "RMSprop",
    "Recording",
    "Regularization",
    "ShapeError",
    "StepLimit",
    "Stopping",
    "TargetAccuracy",
    "TimeBudget",
    "TongtouError",
    "backprop",
    "datasets",
    "explain",
    "explanation",
    "fit",
    "gradient_check",
    "honesty",
    "images",
    "lab",
    "load",
    "plots",
    "recipes",
    "report",
    "schedules",
]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return _importlib.import_module(f"tongtou.{name}")
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'tongtou' has no attribute {name!r}")
    found: object = getattr(_importlib.import_module(f"tongtou.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
