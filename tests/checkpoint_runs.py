"""The runs that the tests of checkpoints interrupt."""

import numpy as np
from small_networks import SWITCHED, pixels

import tongtou as tt
from tongtou.checkpoints import Checkpoints

X, Y = pixels(90, 12), np.arange(90) % 3


def train(path=None, *, resume=False, every_steps=1, data=(X, Y), seed=2, **settings):
    net = tt.Network([12, 9, 3], seed=seed, **SWITCHED)
    there = None if path is None else Checkpoints(path, every_s=None, every_steps=every_steps)
    plain = {"batch_size": 16, "epochs": 4, "validation": 10}
    told = {"checkpoint": there, "resume": resume, **plain, **settings}
    return net, tt.fit(net, data, **told)


def same(history):
    """The history without what the clock says."""
    said = history.to_dict()
    for record in said["epochs"]:
        del record["seconds"], record["time_s"]
    for name in ("prepare_s", "threads"):
        del said[name]
    return said
