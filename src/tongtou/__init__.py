"""Tongtou 通透: a neural network that you can see through."""

from tongtou import datasets, images
from tongtou.datasets import Dataset
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
from tongtou.network import Dense, Network
from tongtou.optimizers import SGD
from tongtou.training import fit

__version__ = "0.1.0"

__all__ = [
    "SGD",
    "DataError",
    "Dataset",
    "Dense",
    "DivergedError",
    "FileFormatError",
    "History",
    "MissingExtraError",
    "Network",
    "ShapeError",
    "TongtouError",
    "datasets",
    "fit",
    "gradient_check",
    "images",
    "load",
]
