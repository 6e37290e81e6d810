"""What the tests of networks and of training are made of."""

import numpy as np

import tongtou as tt
from tongtou import training

LESSON = [784, 16, 16, 10]
SWITCHED = {"activation": "relu", "output": "softmax", "loss": "cross_entropy"}
ENGINES = ["native", "reference"]


def network(sizes, seed=0, **settings):
    """A network none of whose parameters is 0."""
    net = tt.Network(sizes, seed=seed, **settings)
    rng = np.random.default_rng(seed)
    for layer in net.layers:
        layer.b = rng.normal(size=layer.n_out) / 2
    return net


def pixels(n, n_in, seed=0):
    """uint8 rows, four of five pixels black as in a drawing."""
    rng = np.random.default_rng(seed)
    return rng.integers(1, 256, (n, n_in), np.uint8) * (rng.random((n, n_in)) < 0.2)


def forward(net, X):
    """The outputs by one matrix product a layer, in float64; functions from NumPy alone."""
    functions = {
        "linear": lambda z: z,
        "step": lambda z: (z >= 0).astype(float),
        "sigmoid": lambda z: 0.5 * np.tanh(z / 2) + 0.5,
        "tanh": np.tanh,
        "relu": lambda z: np.where(z < 0, 0.0, z),
        "softmax": lambda z: np.exp(z) / np.exp(z).sum(axis=1)[:, None],
    }
    a = np.array(X, np.float64)
    for layer in net.layers:
        a = functions[layer.activation.name](np.einsum("ni,ji->nj", a, layer.W) + layer.b)
    return a


def bits(net):
    """All parameters, to the last bit."""
    return b"".join(array.tobytes() for layer in net.layers for array in (layer.W, layer.b))


def finite(net):
    """Whether all parameters are."""
    return all(np.isfinite(a).all() for layer in net.layers for a in (layer.W, layer.b))


def steep(n=640):
    """Data on which a linear network runs away by a factor a step, if the steps are large."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    return X, X[:, :2] * 3 + 1


class Steady:
    """A pace that does not look at the clock: slices of n_steps, threads in turn."""

    def __init__(self, n_steps, threads):
        self.n_steps, self.threads, self.turn, self.last = n_steps, threads, 0, 1

    def next_slice(self):
        """As `Pace.next_slice`."""
        self.turn += 1
        return self.n_steps, self.threads[self.turn % len(self.threads)]

    def record(self, n_steps, threads, seconds):
        """As `Pace.record`."""
        self.last = threads


def set_pace(monkeypatch, n_steps, *threads):
    """Fix the length of slices and the number of threads of every fit of this test."""
    monkeypatch.setattr(training, "Pace", lambda most: Steady(n_steps, threads or (1,)))
