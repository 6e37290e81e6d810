"""The sizes of gradients, updates, activations and weights, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tongtou.explanation.examined import Doubles, Part, Patient
from tongtou.explanation.inside import values_inside
from tongtou.explanation.neurons_at_rest import Rest, rest_of
from tongtou.explanation.thresholds import N_BATCHES, N_INSIDE
from tongtou.network import Network
from tongtou.optimizers.stepping import clip, reference_step
from tongtou.reference import LayerGradient

QUANTILES = (0.0, 0.01, 0.25, 0.5, 0.75, 0.99, 1.0)
"""Of activations and weights."""

_MOST_NUMBERS = 4_000_000
"""Inputs looked at in float64, however wide an example is."""

_STRIDES = (1.0, 10.0, 100.0, 1000.0, 10_000.0)


@dataclass(frozen=True)
class LayerHealth:
    """One layer in figures.

    ::

        gradient_rms = sqrt(mean over batches and parameters of (dC/dtheta)^2)
        update_ratio = update_rms / weight_rms            both over the weights

    Attributes
    ----------
    layer : int
        1 … L.
    activation : str
    n_neurons, n_parameters : int
    gradient_rms : float
        Of a batch's loss, per parameter: weights and biases.
    update_rms, update_ratio : float or None
        Of a step of the optimiser where the network stands; None without an optimiser.
    weight_rms : float
    rest : Rest
        Dead and saturated neurons.
    activation_quantiles, weight_quantiles : tuple of float
        At `QUANTILES`.
    """

    layer: int
    activation: str
    n_neurons: int
    n_parameters: int
    gradient_rms: float
    update_rms: float | None
    update_ratio: float | None
    weight_rms: float
    rest: Rest
    activation_quantiles: tuple[float, ...]
    weight_quantiles: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all, ready for JSON."""
        return {
            "layer": self.layer,
            "activation": self.activation,
            "n_neurons": self.n_neurons,
            "n_parameters": self.n_parameters,
            "gradient_rms": self.gradient_rms,
            "update_rms": self.update_rms,
            "update_ratio": self.update_ratio,
            "weight_rms": self.weight_rms,
            **self.rest.to_dict(),
            "quantiles": list(QUANTILES),
            "activation_quantiles": list(self.activation_quantiles),
            "weight_quantiles": list(self.weight_quantiles),
        }


@dataclass(frozen=True)
class Stride:
    """What the optimiser's steps would do where the network stands.

    Attributes
    ----------
    overshoot : float
        Share of batches whose own loss the step from their gradient makes larger.
    n_batches : int
    gain : float
        The largest share of the loss that going 10 to 10,000 mean updates on would take off.
    """

    overshoot: float
    n_batches: int
    gain: float


def layers_of(patient: Patient) -> tuple[list[LayerHealth], Stride | None]:
    """Return the figures of every layer, and the steps where an optimiser is known.

    The parameters stay where they are: each batch gives a gradient there, and the optimiser, its
    memory growing from batch to batch, what it would add.
    """
    net, train = patient.net, patient.train
    squares, updates, stride = _steps(patient)
    most = max(50, min(N_INSIDE, _MOST_NUMBERS // net.sizes[0]))
    Z, A = values_inside(net, train.inputs[train.sample(most)])
    found = []
    for number, layer in enumerate(net.layers, start=1):
        W = layer.W.astype(np.float64)
        weight_rms = _rms(W)
        update = None if updates is None else updates[number - 1]
        found.append(
            LayerHealth(
                layer=number,
                activation=layer.activation.name,
                n_neurons=layer.n_out,
                n_parameters=layer.n_parameters,
                gradient_rms=squares[number - 1],
                update_rms=update,
                update_ratio=None if update is None or not weight_rms else update / weight_rms,
                weight_rms=weight_rms,
                rest=rest_of(layer.activation, Z[number], A[number]),
                activation_quantiles=_quantiles(A[number]),
                weight_quantiles=_quantiles(W),
            )
        )
    return found, stride


def gradient_sizes(net: Network, patient: Patient) -> list[float]:
    """Return the gradient's root mean square per parameter of each layer of a network."""
    train, size = patient.train, patient.batch_size
    order = np.random.default_rng(patient.seed).permutation(len(train))
    n_batches = min(N_BATCHES, len(train) // size)
    squares = np.zeros(len(net.layers))
    for k in range(n_batches):
        rows = np.sort(order[k * size : (k + 1) * size])
        squares += _squares(net.gradients(train.inputs[rows], train.answers[rows]))
    n = np.array([layer.n_parameters for layer in net.layers])
    sizes: list[float] = np.sqrt(squares / n / n_batches).tolist()
    return sizes


def _squares(found: list[LayerGradient]) -> list[float]:
    pairs = [(g.W.astype(np.float64), g.b.astype(np.float64)) for g in found]
    return [float(np.vdot(W, W) + np.vdot(b, b)) for W, b in pairs]


def _steps(patient: Patient) -> tuple[list[float], list[float] | None, Stride | None]:
    net, train, rule = patient.net, patient.train, patient.optimizer
    size = patient.batch_size
    order = np.random.default_rng(patient.seed).permutation(len(train))
    n_batches = min(N_BATCHES, len(train) // size)
    here = _parameters(net)
    squares = np.zeros(len(net.layers))
    moved = np.zeros(len(net.layers))
    n_moved = overshot = 0
    total = [np.zeros_like(one) for one in here]
    slots = [[np.zeros_like(one) for _ in range(rule.n_slots if rule else 0)] for one in here]
    rates = rule.rates(0, np.full(n_batches, patient.rate)) if rule else None
    moving = net.copy()
    for k in range(n_batches):
        rows = np.sort(order[k * size : (k + 1) * size])
        batch = Part(moving, train.inputs[rows], train.answers[rows], None, 0)
        found = net.gradients(batch.inputs, batch.answers)
        g = [one.astype(np.float64) for pair in found for one in (pair.W, pair.b)]
        squares += _squares(found)
        if rule is None or rates is None:
            continue
        g = clip(g, rule.clip_value, rule.clip_norm)
        step = [
            reference_step(rule, w, one, memory, rates[k], is_bias=bool(i % 2)) - w
            for i, (w, one, memory) in enumerate(zip(here, g, slots, strict=True))
        ]
        total = [a + b for a, b in zip(total, step, strict=True)]
        if k >= n_batches // 2:  # by then the optimiser remembers something
            moved += [float(np.vdot(one, one)) / one.size for one in step[::2]]
            n_moved += 1
        before = _loss(net, here, moving, batch, None)
        overshot += _loss(net, here, moving, batch, step) > before
    n = np.array([layer.n_parameters for layer in net.layers])
    gradients = np.sqrt(squares / n / n_batches).tolist()
    if rule is None:
        return gradients, None, None
    mean = [one / n_batches for one in total]
    gain = _gain(patient, here, moving, mean)
    return (
        gradients,
        np.sqrt(moved / n_moved).tolist(),
        Stride(overshot / n_batches, n_batches, gain),
    )


def _gain(patient: Patient, here: list[Doubles], moving: Network, mean: list[Doubles]) -> float:
    """Return what the best of the longer strides along the mean update takes off the loss."""
    rows = patient.train.sample(N_INSIDE)
    part = Part(moving, patient.train.inputs[rows], patient.train.answers[rows], None, 0)
    before = _loss(patient.net, here, moving, part, None)
    after = [
        _loss(patient.net, here, moving, part, [stride * one for one in mean])
        for stride in _STRIDES[1:]
    ]
    least = min((one for one in after if np.isfinite(one)), default=before)
    return max(0.0, (before - least) / before) if before > 0 else 0.0


def _loss(
    net: Network, here: list[Doubles], moving: Network, part: Part, step: list[Doubles] | None
) -> float:
    """Return the mean loss of a part with the parameters moved from here by a step."""
    for layer, old, k in zip(moving.layers, net.layers, range(0, len(here), 2), strict=True):
        if step is None:
            layer.W, layer.b = old.W, old.b
        else:
            with np.errstate(over="ignore"):
                layer.W, layer.b = here[k] + step[k], here[k + 1] + step[k + 1]
    with np.errstate(over="ignore", invalid="ignore"):
        fresh = Part(moving, part.inputs, part.answers, None, 0)
        loss = float(fresh.losses.mean())
    return loss if np.isfinite(loss) else np.inf


def _parameters(net: Network) -> list[Doubles]:
    return [one.astype(np.float64) for layer in net.layers for one in (layer.W, layer.b)]


def _rms(values: Doubles) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _quantiles(values: Any) -> tuple[float, ...]:
    return tuple(np.quantile(np.asarray(values, np.float64), QUANTILES).tolist())
