"""The exceptions Tongtou raises on purpose.

::

    TongtouError
    ├── ShapeError(ValueError)          sizes that do not fit together
    ├── DataError(ValueError)           values that cannot be learnt from or read
    ├── FileFormatError(ValueError)     a model file that is not what it says
    ├── DivergedError(ArithmeticError)  training left the finite numbers
    └── MissingExtraError(ImportError)  an optional library is not installed

Every message says what was expected, what came, and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tongtou.history import History


class TongtouError(Exception):
    """Base of every error Tongtou raises on purpose."""


class ShapeError(TongtouError, ValueError):
    """Sizes that do not fit together: expected and received shapes are in the message."""


class DataError(TongtouError, ValueError):
    """Values that cannot be learnt from or read: NaN, a damaged data file, a blank picture."""


class FileFormatError(TongtouError, ValueError):
    """A model file that is truncated, damaged, hostile or of another kind."""


class DivergedError(TongtouError, ArithmeticError):
    """Training left the finite numbers; the network keeps its last good parameters.

    Attributes
    ----------
    step : int
        How many steps it took: the loss after so many is not finite. The network keeps the
        parameters of one step before.
    history : History or None
        The run up to there.
    """

    step: int = 0
    history: History | None = None


class MissingExtraError(TongtouError, ImportError):
    """An optional library is not installed; the message names the command that installs it."""
