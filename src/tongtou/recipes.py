"""Recipes: everything a training run needs to be told, chosen on held-out training digits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from tongtou import randomness
from tongtou.augmentation import Augmentation
from tongtou.choices import choose
from tongtou.datasets.dataset import Dataset
from tongtou.errors import DataError
from tongtou.losses import Loss, one_hot
from tongtou.network import Network
from tongtou.optimizers import SGD, Adam, AdamW, Optimizer
from tongtou.regularizers import Regularization
from tongtou.schedules import Cosine, OneCycle
from tongtou.stopping import EarlyStopping


@dataclass(frozen=True)
class Recipe:
    """A network and how it is trained, without data.

    Parameters
    ----------
    hidden : tuple of int
        Neurons of each hidden layer.
    activation : str or tuple of str
        Activation function of the hidden layers: one for all, or one each.
    output : str
        Activation function of the output layer.
    loss : str or Loss
    optimizer : Optimizer
        With its learning rate, which may be a schedule.
    batch_size : int or None
        None: all examples at once.
    epochs : int
        The most passes over the examples; schedules are stretched over them.
    initializer : str
    regularization : Regularization
    augmentation : Augmentation, optional
        For pictures only.
    patience : int, optional
        Epochs without a better validation loss after which training ends, with the best weights.
    beside : float
        Non-digits to train beside, as a share of the digits; see `examples`.

    Examples
    --------
    >>> import tongtou as tt
    >>> from tongtou.recipes import recipe
    >>> quick = recipe("quick")
    >>> quick.network(784, 10, seed=1)
    Network(784-128-10, relu → softmax, cross_entropy, 101,770 parameters, float32)
    >>> digits = tt.datasets.mnist().train[:2000]
    >>> net = quick.network(784, 10)
    >>> history = tt.fit(net, digits, seed=0, **quick.settings())
    """

    hidden: tuple[int, ...]
    activation: str | tuple[str, ...]
    output: str
    loss: str | Loss
    optimizer: Optimizer
    batch_size: int | None
    epochs: int
    initializer: str = "auto"
    regularization: Regularization = Regularization()  # noqa: RUF009 - frozen
    augmentation: Augmentation | None = None
    patience: int | None = None
    beside: float = 0.0

    def network(self, n_in: int, n_out: int, *, seed: int = 0, dtype: str = "float32") -> Network:
        """Return the network, with random weights.

        Parameters
        ----------
        n_in, n_out : int
            Inputs and outputs: 784 and 10 for digits.
        seed : int
            Of the weights.
        dtype : "float32" or "float64"
        """
        return Network(
            [n_in, *self.hidden, n_out],
            activation=self.activation,
            output=self.output,
            loss=self.loss,
            initializer=self.initializer,
            seed=seed,
            dtype=dtype,
        )

    def settings(self) -> dict[str, Any]:
        """Return what to hand to `tt.fit` as keywords."""
        given: dict[str, Any] = {
            "optimizer": self.optimizer,
            "batch_size": self.batch_size,
            "epochs": self.epochs,
            "regularization": self.regularization,
            "augmentation": self.augmentation,
        }
        if self.patience is not None:
            given["stop"] = EarlyStopping(patience=self.patience)
        return given

    def examples(self, data: Dataset, n_held: int = 0, *, seed: int = 0) -> dict[str, Any]:
        """Return what to hand to `tt.fit` as ``data`` and ``validation``.

        Without `beside` that is the data itself and n_held. With it, the digits that ``fit`` would
        learn from stand beside non-digits made from them (`tongtou.honesty.non_digits`), whose
        target is 1 / n_classes for every output; those held out are the same as without.

        Parameters
        ----------
        data : Dataset
        n_held : int
            How many to hold out; 0 for none.
        seed : int
            As handed to `tt.fit`: of the split and of the non-digits.

        Returns
        -------
        dict
            ``data`` and ``validation``.

        Raises
        ------
        ShapeError, DataError
            There are to be non-digits beside, and the data are no pictures of 28×28 pixels or have
            no classes.

        Examples
        --------
        >>> import tongtou as tt
        >>> digits = tt.datasets.mnist().train[:3000]
        >>> honest = recipe("honest")
        >>> given = honest.examples(digits, 500, seed=0)
        >>> len(given["data"]), len(given["validation"])
        (7500, 500)
        >>> net = honest.network(784, 10)
        >>> history = tt.fit(net, **given, seed=0, **honest.settings() | {"epochs": 1})
        """
        if not self.beside:
            return {"data": data, "validation": n_held or None}
        from tongtou.honesty.non_digits import non_digits

        n_classes = len(data.classes)
        if data.y.ndim != 1 or n_classes < 2:
            raise DataError(
                "non-digits stand beside examples of classes; these data have none. Leave `beside` "
                "out, or give a Dataset with classes."
            )
        learnt, held = data, None
        if n_held:
            order = randomness.order(seed, 0, len(data), randomness.SPLIT)
            learnt, held = (data[np.sort(rows)] for rows in (order[n_held:], order[:n_held]))
        made = non_digits(learnt.X, learnt.y, round(self.beside * len(learnt)), seed=seed)
        X = np.concatenate([learnt.X, made])
        even = np.full((len(made), n_classes), 1 / n_classes, np.float32)
        y = np.concatenate([one_hot(learnt.y, n_classes, np.float32), even])
        name = f"{data.name} + non-digits" if data.name else ""
        beside = replace(data, X=X, y=y, name=name, files=None, rows=None)
        if held is not None:
            held = replace(held, y=one_hot(held.y, n_classes, np.float32))
        return {"data": beside, "validation": held}


# Every number below was chosen by its accuracy on 5,000 held-out training digits, over seeds; the
# test digits were looked at afterwards and changed nothing.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # The network as taught: sigmoid throughout, squared error, plain steps.
        "lesson": Recipe(
            hidden=(16, 16),
            activation="sigmoid",
            output="sigmoid",
            loss="sse",
            optimizer=SGD(1.5),
            batch_size=32,
            epochs=30,
        ),
        # In the least time to 97.5 %: one wide layer, a rate that rises high and falls to nothing.
        "quick": Recipe(
            hidden=(128,),
            activation="relu",
            output="softmax",
            loss="cross_entropy",
            optimizer=Adam(OneCycle(0.008)),
            batch_size=128,
            epochs=3,
        ),
        # Never the same picture twice, so many epochs pay.
        "best": Recipe(
            hidden=(256, 128),
            activation="relu",
            output="softmax",
            loss="cross_entropy",
            optimizer=AdamW(Cosine(0.002, warmup_epochs=2), weight_decay=0.01),
            batch_size=128,
            epochs=100,
            regularization=Regularization(label_smoothing=0.02),
            augmentation=Augmentation(shift=2, rotation=12, scale=0.12, shear=10),
        ),
        # The 13,002 parameters of the lesson, trained as well as they can be. Smoothed labels and a
        # little L2 keep its sigmoids out of saturation: 95.9 % without them, 96.5 % with.
        "lesson-best": Recipe(
            hidden=(16, 16),
            activation="sigmoid",
            output="sigmoid",
            loss="sse",
            optimizer=SGD(OneCycle(0.3), momentum=0.9),
            batch_size=64,
            epochs=120,
            regularization=Regularization(l2=1e-5, label_smoothing=0.1),
            augmentation=Augmentation(shift=0.7, rotation=6, scale=0.06, shear=5),
        ),
        # 13,002 parameters once more, which also learn what is no digit. ReLU and softmax keep the
        # two apart better than the lesson's sigmoids: more digits answered at the same risk.
        "honest": Recipe(
            hidden=(16, 16),
            activation="relu",
            output="softmax",
            loss="cross_entropy",
            optimizer=AdamW(Cosine(0.005, warmup_epochs=1), weight_decay=0.01),
            batch_size=128,
            epochs=30,
            regularization=Regularization(label_smoothing=0.1),
            augmentation=Augmentation(shift=0.7, rotation=6, scale=0.06, shear=5),
            beside=2.0,
        ),
        "honest-best": Recipe(
            hidden=(256, 128),
            activation="relu",
            output="softmax",
            loss="cross_entropy",
            optimizer=AdamW(Cosine(0.002, warmup_epochs=2), weight_decay=0.01),
            batch_size=128,
            epochs=15,
            regularization=Regularization(label_smoothing=0.02),
            augmentation=Augmentation(shift=2, rotation=12, scale=0.12, shear=10),
            beside=1.0,
        ),
    }
)

_OWN = Recipe(
    hidden=(64, 64),
    activation="relu",
    output="softmax",
    loss="cross_entropy",
    optimizer=Adam(0.001),
    batch_size=32,
    epochs=200,
    patience=20,
)

# Where a user names data and no recipe: sizes and rates that rarely go wrong, and an end before
# anything is learnt by heart.
FOR_PICTURES = replace(_OWN, hidden=(128,), epochs=100)
FOR_TABLES = _OWN
FOR_NUMBERS = replace(_OWN, output="linear", loss="mse")

AUGMENTATIONS: Mapping[str, Augmentation | None] = MappingProxyType(
    {
        "none": None,
        "light": Augmentation(shift=1, rotation=5, scale=0.05, shear=5),
        "medium": Augmentation(shift=2, rotation=10, scale=0.1, shear=10),
        "strong": Augmentation(shift=3, rotation=15, scale=0.2, shear=15),
    }
)
"""What `tongtou train --augment` knows by name, for pictures of about 28×28."""


def recipe(name: str) -> Recipe:
    """Return the recipe of that name: lesson, quick, best, lesson-best, honest or honest-best.

    Raises
    ------
    ValueError
        There is none of that name; the message lists the known ones and the nearest.

    Examples
    --------
    >>> recipe("lesson").hidden
    (16, 16)
    """
    return choose("recipe", name, RECIPES)
