"""From raw rows or pictures to what a network takes, learnt once and kept in its file."""

from tongtou.preprocessing.descriptions import from_description
from tongtou.preprocessing.picture_files import PicturePreprocessing
from tongtou.preprocessing.tables import TablePreprocessing
from tongtou.preprocessing.targets import Target

__all__ = ["PicturePreprocessing", "TablePreprocessing", "Target", "from_description"]
