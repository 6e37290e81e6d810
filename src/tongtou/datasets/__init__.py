"""Examples to learn from: the embedded MNIST digits, and anybody's IDX files."""

from tongtou.datasets.dataset import Dataset
from tongtou.datasets.idx import idx
from tongtou.datasets.mnist import Mnist, mnist

__all__ = ["Dataset", "Mnist", "idx", "mnist"]
