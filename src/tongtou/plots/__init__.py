"""Pictures of training and of networks, drawn with matplotlib: the extra ``plot``.

Each function takes the axes or the figure to draw into, makes a figure of its own where none is
given, and returns the figure. None of them touches `matplotlib.pyplot`, so nothing has to be
closed, no window opens, and they work without a screen. ``.savefig("loss.png")`` keeps a picture;
in Jupyter it shows by itself.

Labels are in the language of `tongtou.i18n`, or in ``language="zh"`` or ``"en"`` as given. Chinese
needs a font that has its characters; where none is installed labels are English.
"""

from tongtou.plots.curves import accuracy_curves, gradients_by_layer, loss_curves
from tongtou.plots.explanations import trace, why
from tongtou.plots.galleries import examples, weight_images, wrong_answers
from tongtou.plots.matrices import confusion_matrix

__all__ = [
    "accuracy_curves",
    "confusion_matrix",
    "examples",
    "gradients_by_layer",
    "loss_curves",
    "trace",
    "weight_images",
    "why",
    "wrong_answers",
]
