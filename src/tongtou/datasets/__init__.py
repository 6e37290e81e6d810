"""Examples to learn from: the embedded MNIST digits, IDX files, folders of pictures, tables."""

from tongtou.datasets.dataset import Dataset
from tongtou.datasets.idx import idx
from tongtou.datasets.mnist import Mnist, mnist
from tongtou.datasets.picture_folders import pictures
from tongtou.datasets.tables import Table, table

__all__ = ["Dataset", "Mnist", "Table", "idx", "mnist", "pictures", "table"]
