"""A figure that belongs to no window and shows itself in Jupyter."""

from __future__ import annotations

import io

from matplotlib.figure import Figure


class Sheet(Figure):
    """A matplotlib figure; Jupyter asks it for its picture, which a bare figure cannot give."""

    def _repr_png_(self) -> bytes:
        held = io.BytesIO()
        self.savefig(held, format="png", dpi=110)
        return held.getvalue()
