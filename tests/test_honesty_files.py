"""Gates in model files: the same bits back, and nothing hostile let in."""

import json

import numpy as np
import pytest
import safetensors.numpy

import tongtou as tt
from tongtou import honesty


@pytest.fixture(scope="module", params=["float32", "float64"])
def net(request):
    """A small classifier with gates."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, 800)
    X = rng.normal(size=(800, 20)) + 3 * (y[:, None] == np.arange(20))
    one = tt.Network([20, 6, 5], output="softmax", loss="cross_entropy", dtype=request.param)
    data = tt.Dataset(X, y)
    tt.fit(one, data, optimizer=tt.Adam(0.02), epochs=5, validation=300, progress=False)
    one.gates = honesty.gates(one, data, components=(7, 4))
    return one


@pytest.fixture
def path(net, tmp_path):
    where = tmp_path / "gates.safetensors"
    net.save(where)
    return where


def opened(path):
    """The tensors and the description of a file."""
    with safetensors.safe_open(path, "numpy") as file:
        description = json.loads(file.metadata()["tongtou"])
        return {name: file.get_tensor(name) for name in file.keys()}, description  # noqa: SIM118


def rewrite(path, change):
    """Put another description or other tensors into a file."""
    tensors, description = opened(path)
    change(tensors, description)
    text = json.dumps(description)
    stored = {name: np.ascontiguousarray(one) for name, one in tensors.items()}
    safetensors.numpy.save_file(stored, path, metadata={"tongtou": text})


def test_gates_come_back_bit_for_bit(net, path):
    again = tt.load(path)
    assert again.gates.to_dict() == net.gates.to_dict()
    for mine, theirs in ((net.gates.input, again.gates.input), (net.gates.z1, again.gates.z1)):
        for name in ("mean", "components", "scale"):
            a, b = getattr(mine, name), getattr(theirs, name)
            assert (a.dtype, a.tobytes()) == (b.dtype, b.tobytes())
    X = np.random.default_rng(1).normal(size=(50, 20)) * 2
    assert net.predict(X, abstain="20%").to_dict() == again.predict(X, abstain="20%").to_dict()
    before = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == before


def test_the_tensors_are_those_of_the_documentation(net, path):
    tensors, description = opened(path)
    shapes = {name: one.shape for name, one in tensors.items() if name.startswith("gates.")}
    rows = description["gates"]["rows"]
    assert shapes == {
        "gates.input.mean": (20,), "gates.input.components": (7, 20), "gates.input.scale": (7,),
        "gates.z1.mean": (6,), "gates.z1.components": (4, 6), "gates.z1.scale": (4,),
        "gates.curve.score": (rows,), "gates.curve.answered": (rows,), "gates.curve.wrong": (rows,),
    }  # fmt: skip
    assert {one.dtype for one in tensors.values()} == {net.dtype}
    assert description["format"] == 3


def test_without_gates_the_file_is_what_it_was(net, tmp_path):
    """Programs that know nothing of gates go on reading such files."""
    plain = net.copy()
    plain.gates = None
    plain.save(tmp_path / "plain.safetensors")
    _, description = opened(tmp_path / "plain.safetensors")
    assert description["format"] == 2
    assert "gates" not in description
    assert tt.load(tmp_path / "plain.safetensors").gates is None


def told(*keys, value):
    """A change of the description of the gates."""

    def change(tensors, description):
        one = description["gates"]
        for key in keys[:-1]:
            one = one[key]
        one[keys[-1]] = value

    return change


def tensor(name, change):
    """A change of one of their tensors."""

    def changed(tensors, description):
        tensors[f"gates.{name}"] = change(tensors[f"gates.{name}"].copy())

    return changed


def at(index, value):
    """Set one number."""

    def change(array):
        array[index] = value
        return array

    return change


def without(name):
    return lambda tensors, description: tensors.pop(f"gates.{name}")


HOSTILE = {
    "no object": (lambda t, d: d.update(gates=[]), "expected gates with"),
    "missing": (lambda t, d: d.pop("gates"), "'gates' is missing"),
    "null": (lambda t, d: d.update(gates=None), "expected gates with"),
    "of format 2": (lambda t, d: d.update(format=2), "'gates' is none of them"),
    "unknown key": (told("surprise", value=1), "expected gates with"),
    "no temperature": (lambda t, d: d["gates"].pop("temperature"), "expected gates with"),
    "cold": (told("temperature", value=0.0), "temperatures above 0"),
    "colder": (told("rank_temperature", value=-1), "temperatures above 0"),
    "text": (told("temperature", value="1"), "gates.temperature to be a number"),
    "true": (told("refused", value=True), "gates.refused to be a number"),
    "huge": (told("total", value=10**400), "gates.total to be a number"),
    "a share above 1": (told("refused", value=1.5), "0 … 1"),
    "never refuses": (told("false_refusals", value=0), "0 … 1"),
    "fewer than none": (told("n_held", value=-1), "gates.n_held to be a count"),
    "half a row": (told("rows", value=1.5), "gates.rows to be a count"),
    "no rows": (told("rows", value=0), "rows up to n_curve"),
    "more rows than examples": (told("rows", value=2**24), "rows up to n_curve"),
    "more in the curve than held": (told("n_curve", value=10**6), "n_curve up to n_held"),
    "pair of text": (told("pair", value="x"), "gates.pair to be a number"),
    "density of nothing": (told("input", value=None), "expected gates.input with"),
    "components beyond": (told("input", "components", value=21), "components of 1 … 20"),
    "components of none": (told("z1", "components", value=0), "components of 1 … 6"),
    "components true": (told("z1", "components", value=True), "components of 1 … 6"),
    "other components": (told("input", "components", value=6), "bytes of parameters"),
    "bounds of three": (told("z1", "within", value=[0, 1, 2]), "to be two numbers"),
    "bounds that fall": (told("z1", "within", value=[2, 1]), "to rise from 0"),
    "bounds below 0": (told("input", "residual", value=[-1, 1]), "to rise from 0"),
    "bounds of text": (told("input", "within", value=["0", 1]), "to be a number"),
    "no tensor": (without("input.mean"), "'gates.input.mean' for these sizes; it is missing"),
    "one too many": (lambda t, d: t.update({"gates.x": np.zeros(1, np.float32)}), "too many"),
    "NaN": (tensor("input.mean", at(0, np.nan)), "finite"),
    "infinite": (tensor("curve.score", at(0, np.inf)), "finite"),
    "flat": (tensor("z1.scale", at(1, 0.0)), "scale above 0"),
    "oblique": (tensor("input.components", at((0, 0), 3.0)), "right angles"),
    "half an example": (tensor("curve.wrong", at(-1, 0.5)), "to hold counts"),
    "less than none": (tensor("curve.wrong", at(0, -1)), "to hold counts"),
    "more than there are": (tensor("curve.answered", at(-1, 1e6)), "to hold counts"),
    "rising scores": (tensor("curve.score", lambda a: a[::-1]), "score falling"),
    "falling counts": (tensor("curve.answered", lambda a: a[::-1]), "answered and wrong rising"),
    "more wrong than answered": (tensor("curve.wrong", at(slice(3, None), 250)), "no faster"),
    "all wrong": (tensor("curve.wrong", lambda a: a + 200), "wrong"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_what_gates_cannot_be_is_refused(case, path):
    change, match = HOSTILE[case]
    rewrite(path, change)
    with pytest.raises(tt.FileFormatError, match=match):
        tt.load(path)


def test_a_rewritten_file_is_read_if_nothing_was_changed(path):
    rewrite(path, lambda tensors, description: None)
    assert tt.load(path).gates


def test_gates_of_another_network_are_not_saved(net, tmp_path):
    other = tt.Network([3, 5])
    other.gates = net.gates
    with pytest.raises(tt.DataError, match="nothing was written"):
        other.save(tmp_path / "other.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_network_can_learn_anew_and_forget_its_gates(net, path):
    again = tt.load(path)
    again.layers[0].b = again.layers[0].b + 1
    with pytest.raises(tt.DataError, match="changed after"):
        again.predict(np.zeros((1, 20)), abstain="20%")
