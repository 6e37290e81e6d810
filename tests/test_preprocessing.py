"""What is learnt of a table's columns: as scikit-learn and pandas have it, from training rows."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import tongtou as tt
from tongtou.errors import DataError, ShapeError
from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing, Target, from_description
from tongtou.preprocessing.columns import Column
from tongtou.preprocessing.parts import BooleanPart, CategoryPart, DatePart, NumberPart
from tongtou.preprocessing.texts import Reading


def houses(n: int = 200, seed: int = 0) -> pd.DataFrame:
    """Columns of every kind, with missing values in all but `rooms`."""
    random = np.random.default_rng(seed)
    days = random.integers(0, 1500, n)
    frame = pd.DataFrame(
        {
            "size": random.normal(90, 30, n),
            "town": random.choice(["Köln", "Bonn", "Ulm"], n),
            "sold": pd.Timestamp("2019-01-01") + pd.to_timedelta(days, "D"),
            "garden": random.choice([True, False], n),
            "rooms": random.integers(1, 7, n),
            "price": random.normal(3e5, 1e5, n),
        }
    )
    for name in ("size", "town", "sold", "garden"):
        frame[name] = frame[name].astype(object).where(random.random(n) > 0.1, None)
    frame["size"] = frame["size"].astype(float)
    return frame


def block(X: np.ndarray, learnt: TablePreprocessing, start: str) -> np.ndarray:
    """The columns of X whose names begin so."""
    return X[:, [name.startswith(start) for name in learnt.feature_names]]


# Against independent libraries


def test_every_column_is_what_scikit_learn_and_pandas_make_of_it() -> None:
    frame = houses()
    table = tt.datasets.table(frame, target="price")
    rows, others = table.split_rows(0.25, seed=3)
    train, test = table.split(0.25, seed=3, dtype=np.float64)
    learnt = train.preprocessing
    assert isinstance(learnt, TablePreprocessing)
    fitted = frame.iloc[rows]
    for part, data in ((fitted, train), (frame.iloc[others], test)):
        X = data.X
        scaler = StandardScaler().fit(fitted[["size", "rooms"]].to_numpy(float))
        filled = SimpleImputer(strategy="constant", fill_value=0.0, add_indicator=True).fit(
            scaler.transform(fitted[["size", "rooms"]].to_numpy(float))
        )
        expected = filled.transform(scaler.transform(part[["size", "rooms"]].to_numpy(float)))
        np.testing.assert_allclose(block(X, learnt, "size"), expected[:, [0, 2]], atol=1e-12)
        np.testing.assert_allclose(block(X, learnt, "rooms"), expected[:, [1]], atol=1e-12)

        encoder = OneHotEncoder(sparse_output=False).fit(fitted[["town"]])
        np.testing.assert_array_equal(block(X, learnt, "town"), encoder.transform(part[["town"]]))

        garden = SimpleImputer(add_indicator=True).fit(fitted[["garden"]].astype(float))
        np.testing.assert_allclose(
            block(X, learnt, "garden"), garden.transform(part[["garden"]].astype(float))
        )

        sold = pd.to_datetime(part["sold"])
        since = (sold - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1)
        days = StandardScaler().fit(
            ((pd.to_datetime(fitted["sold"]) - pd.Timestamp("1970-01-01")) / pd.Timedelta(days=1))
            .to_numpy()
            .reshape(-1, 1)
        )
        week, year = sold.dt.day_of_week / 7 * 2 * np.pi, (sold.dt.month - 1) / 12 * 2 * np.pi
        expected = np.column_stack(
            [
                np.nan_to_num(days.transform(since.to_numpy().reshape(-1, 1))[:, 0]),
                *(np.nan_to_num(f(angle)) for angle in (week, year) for f in (np.sin, np.cos)),
                sold.isna(),
            ]
        )
        np.testing.assert_allclose(block(X, learnt, "sold"), expected, atol=1e-12)
    y = StandardScaler().fit(fitted[["price"]].to_numpy())
    np.testing.assert_allclose(test.y, y.transform(frame.iloc[others][["price"]].to_numpy()))
    back = learnt.answers(test.y)
    np.testing.assert_allclose(back, frame["price"].to_numpy()[others], rtol=1e-12)


def test_nothing_is_learnt_from_test_rows() -> None:
    """Whatever the test rows hold, what was learnt is the same to the last bit."""
    frame = houses()
    train, test = tt.datasets.table(frame, target="price").split_rows(0.3, seed=1)
    spoilt = frame.copy()
    spoilt.loc[test, "size"] = 1e6
    spoilt.loc[test, "rooms"] = 77
    spoilt.loc[test, "sold"] = pd.Timestamp("2099-12-31 11:00")
    spoilt.loc[test, "garden"] = True
    spoilt.loc[test, "price"] = -1e9
    first, _ = tt.datasets.table(frame, target="price").split(0.3, seed=1)
    second, changed = tt.datasets.table(spoilt, target="price").split(0.3, seed=1)
    assert first.preprocessing == second.preprocessing
    np.testing.assert_array_equal(first.X, second.X)
    np.testing.assert_array_equal(first.y, second.y)
    whole = tt.datasets.table(frame, target="price").prepared().preprocessing
    assert first.preprocessing != whole  # it would differ, had the other rows been learnt from
    assert abs(changed.X).max() > 1000
    for part in first.preprocessing.parts:
        if isinstance(part, NumberPart):
            values = frame[part.name].to_numpy(float)[train]
            assert part.mean == pytest.approx(np.nanmean(values), rel=1e-14)
            assert part.sd == pytest.approx(np.nanstd(values), rel=1e-14)


def test_levels_and_missing_values_that_only_test_rows_have() -> None:
    town = ["Ulm", "Bonn"] * 10
    rows = {"town": town, "size": [float(i) for i in range(20)], "y": [i + 0.5 for i in range(20)]}
    table = tt.datasets.table(rows, target="y")
    _, test = table.split_rows(0.2)
    rows["town"][test[1]], rows["town"][test[2]], rows["size"][test[3]] = "Köln", None, None
    with pytest.warns(UserWarning, match=r"'Köln' was not among .* 2 categories.*; .* no value"):
        train, held = tt.datasets.table(rows, target="y").split(0.2)
    assert train.preprocessing.feature_names == ("town = Bonn", "town = Ulm", "size")
    assert held.X[1, :2].tolist() == held.X[2, :2].tolist() == [0, 0]
    assert held.X[3, 2] == 0


# One kind at a time


def number(*values: float) -> Column:
    return Column("x", "number", np.array(values))


def test_equal_numbers_have_no_spread_however_they_round() -> None:
    for value in (0.1, 1e300, 1 / 3, -5e-324):
        part = NumberPart.learnt(number(*[value] * 7))
        assert (part.mean, part.sd, part.n_columns) == (value, 0.0, 0)
    assert NumberPart.learnt(number(math.nan, math.nan)).n_columns == 0
    alike = NumberPart.learnt(number(2.0, math.nan, 2.0))
    assert alike.feature_names() == ["x is missing"]


def test_numbers_whose_squares_overflow() -> None:
    part = NumberPart.learnt(number(-1e300, 1e300, 3e300))
    assert part.mean == pytest.approx(1e300)
    assert part.sd == pytest.approx(math.sqrt(8 / 3) * 1e300)
    most = np.finfo(float).max
    assert NumberPart.learnt(number(-most, most)).sd == most


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).filter(lambda v: len({*v}) > 1))
def test_mean_and_sd_are_numpys(values: list[float]) -> None:
    part = NumberPart.learnt(number(*values))
    assert part.mean == pytest.approx(float(np.mean(values)), rel=1e-12, abs=1e-12)
    assert part.sd == pytest.approx(float(np.std(values)), rel=1e-9, abs=1e-12)


def test_dates_are_points_on_circles() -> None:
    rows = {"at": ["2024-01-01 00:00", "2024-04-03 06:00", "2024-07-07 18:00"], "y": [1.5, 2, 4]}
    train = tt.datasets.table(rows, target="y").prepared(dtype="float64")
    assert train.preprocessing.feature_names == (
        "at days", "at weekday sin", "at weekday cos", "at month sin", "at month cos",
        "at time sin", "at time cos",
    )  # fmt: skip
    by_name = dict(zip(train.preprocessing.feature_names, train.X.T, strict=True))
    np.testing.assert_allclose(by_name["at time sin"], [0, 1, -1], atol=1e-12)
    np.testing.assert_allclose(by_name["at month cos"], [1, 0, -1], atol=1e-12)
    # Monday, Wednesday, Sunday: 0, 2 and 6 sevenths of a turn
    turns = np.array([0, 2, 6]) / 7 * 2 * np.pi
    np.testing.assert_allclose(by_name["at weekday sin"], np.sin(turns), atol=1e-12)
    # Before 1970 too: 1 January 1969 was a Wednesday.
    X = train.preprocessing.transform({"at": ["1969-01-01"]}, dtype="float64")
    assert X[0, 1] == pytest.approx(math.sin(2 / 7 * 2 * math.pi))


def test_what_does_not_differ_is_left_out_and_told() -> None:
    rows = {"a": [1, 1, 1], "b": ["x", "x", "x"], "c": [None, None, None], "d": [1, 2, 4]}
    rows |= {"e": ["2024-01-01"] * 3, "y": [1, 2, 2.5], "f": [True, None, True]}
    learnt = tt.datasets.table(rows, target="y").prepared().preprocessing
    assert learnt.feature_names == ("d", "f is missing")
    assert learnt.dropped == (
        ("a", "constant"), ("b", "constant"), ("c", "empty"), ("e", "constant"),
    )  # fmt: skip
    assert learnt.notes[0] == "column 'a' says the same in all training rows and is left out"
    assert repr(learnt) == "TablePreprocessing(2 columns, 4 left out → 2 inputs, 'y': numbers)"
    # What is left out need not come again.
    assert learnt.transform({"d": [3], "f": [None]}).shape == (1, 2)
    with pytest.raises(DataError, match=r"column that differs .* 'a', 'b' cannot tell them apart"):
        tt.datasets.table({k: rows[k] for k in "aby"}, target="y").prepared()


def test_targets_can_stay_as_they_are() -> None:
    rows = {"x": [1, 2, 3], "y": [10.0, 20, 60], "z": [1.0, 2, 4]}
    plain = tt.datasets.table(rows, target="y", scale_target=False, drop=["z"]).prepared()
    assert plain.y.tolist() == [[10], [20], [60]]
    assert plain.preprocessing.answers([[10.5]]).tolist() == [10.5]
    two = tt.datasets.table(rows, target=["z", "y"]).prepared()
    assert (two.y.shape, two.n_in, two.n_out) == ((3, 2), 1, 2)
    np.testing.assert_allclose(two.preprocessing.answers(two.y), [[1, 10], [2, 20], [4, 60]])


def test_answers_are_labels() -> None:
    target = Target(("flower",), classes=("lily", "rose"))
    assert target.answers([[0.9, 0.1], [0.2, 0.8]]).tolist() == ["lily", "rose"]
    assert target.answers([[0.4], [0.5]]).tolist() == ["lily", "rose"]
    assert Target(("y",), (3, 4, 5)).answers(np.eye(3)).tolist() == [3, 4, 5]
    for outputs in (np.zeros((1, 3)), np.zeros(2)):
        with pytest.raises(ShapeError, match=r"shape \(n, 2\), one column for each of the classes"):
            target.answers(outputs)


# New rows


@pytest.fixture(scope="module")
def learnt() -> TablePreprocessing:
    preprocessing = tt.datasets.table(houses(), target="price").prepared().preprocessing
    assert isinstance(preprocessing, TablePreprocessing)
    return preprocessing


GOOD = {"rooms": [3, 2], "garden": ["yes", None], "town": ["Ulm", "Bonn"], "size": [80, "90.5"]}
GOOD |= {"sold": ["2024-05-31", "2024/06/01 12:00"]}


def test_new_rows_need_no_answers_and_come_in_any_form(
    learnt: TablePreprocessing, tmp_path: Any
) -> None:
    X = learnt.transform(GOOD)
    assert X.shape == (2, learnt.n_in)
    assert X.dtype == np.float32
    assert learnt.n_in == len(learnt.feature_names)
    frame = pd.DataFrame(GOOD | {"unused": [[1], {}]})
    np.testing.assert_array_equal(learnt.transform(frame), X)
    texts = pl.DataFrame({k: [None if v is None else str(v) for v in c] for k, c in GOOD.items()})
    np.testing.assert_array_equal(learnt.transform(texts.select(sorted(GOOD))), X)
    texts.write_csv(tmp_path / "new.csv")
    np.testing.assert_array_equal(learnt.transform(tmp_path / "new.csv"), X)
    texts.write_csv(tmp_path / "new.tsv", separator="\t")
    np.testing.assert_array_equal(learnt.transform(str(tmp_path / "new.tsv")), X)
    texts.with_columns(
        pl.col("sold").str.slice(0, 10), pl.col("rooms").cast(pl.Int8)
    ).write_parquet(tmp_path / "new.parquet")
    assert learnt.transform(tmp_path / "new.parquet").shape == X.shape


SURPRISES: dict[str, tuple[dict[str, Any], str]] = {
    "unknown category": (
        {"town": ["Ulm", "Bon"]},
        r"row 1 \(counted from 0\), column 'town': 'Bon' was not among the 3 categories of the "
        r"training rows\. Did you mean 'Bonn'\? Correct it",
    ),
    "category like no other": ({"town": ["X", "Ulm"]}, r"row 0.*They are 'Bonn', 'Köln', 'Ulm'\."),
    "text for a number": ({"size": [1, "big"]}, r"row 1.*'size': expected a finite number.*'big'"),
    "infinite": ({"size": [1, math.inf]}, r"row 1.*column 'size': expected a finite number.*inf"),
    "missing": ({"rooms": [None, 2]}, r"row 0.*column 'rooms': no value, and no training row lack"),
    "no truth value": ({"garden": [True, "perhaps"]}, "row 1.*'garden': expected true or .*'perh"),
    "no truth number": ({"garden": [0, 2]}, r"row 1.*'garden': expected true or false.*2"),
    "no date": ({"sold": ["31.5.2024", None]}, "row 0.*'sold': expected a date such.*'31"),
    "numbers for dates": ({"sold": [1, 2]}, "'sold' to hold a date; it holds Float64"),
    "far too large": ({"size": [1, 1e300]}, r"row 1.*'size': 1e\+300 lies so far from the"),
    "other lengths": ({"size": [1]}, "expected columns of one length"),
    "a list": ({"size": [[1], [2]]}, "column 'size' to hold numbers, texts.*it holds list"),
    "a number alone": ({"size": 3}, r"column 'size' to be a sequence.*\{'size': \[3\]\}"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "match"), SURPRISES.values(), ids=SURPRISES)
def test_surprises_are_refused_with_row_and_column(
    learnt: TablePreprocessing, change: dict[str, Any], match: str
) -> None:
    with pytest.raises(DataError, match=match) as caught:
        learnt.transform(GOOD | change)
    assert "\n" not in str(caught.value)


def test_a_missing_column_is_named(learnt: TablePreprocessing) -> None:
    rows = {("Town" if name == "town" else name): values for name, values in GOOD.items()}
    with pytest.raises(DataError, match=r"unknown column 'town'; .*Did you mean 'Town'\?"):
        learnt.transform(rows)


def test_leniently_surprises_are_told(learnt: TablePreprocessing) -> None:
    with pytest.warns(UserWarning, match=r"row 0.*'X' was not among.*\(and 1 more rows\); taken"):
        X = learnt.transform(GOOD | {"town": ["X", "Y"]}, strict=False)
    assert not block(X, learnt, "town").any()
    with pytest.warns(UserWarning, match="'rooms': no value.*taken for the mean"):
        X = learnt.transform(GOOD | {"rooms": [None, 3]}, strict=False)
    assert block(X, learnt, "rooms")[0, 0] == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learnt.transform(GOOD, strict=False)


# Through JSON

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
SPREAD = st.floats(1e-300, 1e300)


@st.composite
def preprocessings(draw: st.DrawFn) -> TablePreprocessing:
    parts: list[Any] = []
    for name in draw(st.lists(TEXT, min_size=1, max_size=5, unique=True)):
        missing = draw(st.booleans())
        kind = draw(st.sampled_from(["number", "boolean", "category", "date"]))
        if kind == "number":
            sd = draw(SPREAD) if not missing or draw(st.booleans()) else 0.0
            parts.append(NumberPart(name, missing, draw(FINITE), sd))
        elif kind == "boolean":
            parts.append(BooleanPart(name, missing, draw(st.floats(0.01, 0.99))))
        elif kind == "category":
            levels = draw(st.sets(TEXT, min_size=1, max_size=5))
            parts.append(CategoryPart(name, missing, tuple(sorted(levels))))
        else:
            parts.append(
                DatePart(name, missing, draw(FINITE), draw(SPREAD), ("days", "time"), "%d")
            )
    if draw(st.booleans()):
        target = Target((draw(TEXT),), tuple(draw(st.lists(TEXT, min_size=2, max_size=4))))
    else:
        names = draw(st.lists(TEXT, min_size=1, max_size=3))
        n = len(names)
        means = draw(st.lists(FINITE, min_size=n, max_size=n))
        sds = draw(st.lists(SPREAD, min_size=n, max_size=n))
        target = Target(tuple(names), (), tuple(means), tuple(sds))
    reading = Reading(tuple(draw(st.lists(TEXT, max_size=3))), draw(st.sampled_from(".,")))
    dropped = [(name, "empty") for name in draw(st.lists(TEXT, max_size=2))]
    return TablePreprocessing(tuple(parts), target, reading, tuple(dropped))


@settings(max_examples=60, deadline=None)
@given(preprocessings())
def test_every_preprocessing_comes_back_from_json(one: TablePreprocessing) -> None:
    assert from_description(json.loads(json.dumps(one.describe()))) == one


def test_what_was_learnt_comes_back_and_transforms_alike(learnt: TablePreprocessing) -> None:
    back = from_description(json.loads(json.dumps(learnt.describe())))
    assert back == learnt
    np.testing.assert_array_equal(back.transform(GOOD), learnt.transform(GOOD))
    pictures = PicturePreprocessing((5, 7), False, False, True, 255)
    assert from_description(json.loads(json.dumps(pictures.describe()))) == pictures


def changed(path: str, value: Any) -> dict[str, Any]:
    """A description with one place of it changed, or without it where the value is `...`."""
    learnt = tt.datasets.table(houses(), target="price").prepared().preprocessing
    data: Any = json.loads(json.dumps(learnt.describe()))
    *steps, last = path.split(".")
    inner = data
    for step in steps:
        inner = inner[int(step) if step.isdigit() else step]
    if value is ...:
        del inner[last]
    else:
        inner[int(last) if last.isdigit() else last] = value
    return data


# The order of columns: size, town, sold, garden, rooms.
HOSTILE: dict[str, tuple[str, Any, str]] = {
    "kind": ("kind", "tables", "of the kind table or pictures"),
    "a key too few": ("decimal", ..., "an object with columns, decimal"),
    "a key too many": ("wings", 2, "an object with columns, decimal"),
    "no columns": ("columns", [], "at least one, each with a name of its own"),
    "columns no list": ("columns", {"a": 1}, "columns: expected a list"),
    "twice": ("columns.1.name", "size", "a name of its own"),
    "unknown kind": ("columns.0.kind", "tensor", "a kind among number, boolean"),
    "kind a list": ("columns.0.kind", ["number"], "a kind among number, boolean"),
    "name a number": ("columns.0.name", 1, "a column's name: expected a text"),
    "missing a number": ("columns.0.missing", 1, "missing of 'size': expected true or false"),
    "mean true": ("columns.0.mean", True, "a number of 'size': expected a finite number"),
    "mean infinite": ("columns.0.mean", math.inf, "expected a finite number"),
    "mean a text": ("columns.0.mean", "1", "expected a finite number"),
    "sd negative": ("columns.0.sd", -1, "sd of 'size': expected 0 or more"),
    "says nothing": ("columns.4.sd", 0, "column 'rooms': expected to make an input"),
    "a field too many": ("columns.0.levels", [], "a column of the kind number: expected an object"),
    "levels not sorted": ("columns.1.levels", ["b", "a"], "levels of 'town': expected sorted"),
    "levels twice": ("columns.1.levels", ["a", "a"], "levels of 'town': expected sorted"),
    "levels of numbers": ("columns.1.levels", [1, 2], "levels of 'town': expected a text"),
    "unknown parts": ("columns.2.parts", ["days", "moon"], "some of days, weekday, month, time"),
    "no days, but sd": ("columns.2.parts", ["month"], "above 0 where days count"),
    "share": ("columns.3.share", 1.5, "share of 'garden': expected 0 … 1"),
    "decimal": ("decimal", "x", "decimal must be"),
    "missing texts": ("missing", [None], "missing: expected a text"),
    "dropped": ("dropped", [["a", "boring"]], "pairs of a name and constant or empty"),
    "target none": ("target", None, "the target: expected an object with means"),
    "target's sd 0": ("target.sds", [0], "a mean and an sd above 0 for each name"),
    "target's means": ("target.means", [], "a mean and an sd above 0 for each name"),
    "one class": ("target", {"names": ["y"], "classes": ["a"]}, "at least two texts"),
    "classes of lists": ("target", {"names": ["y"], "classes": [[], []]}, "at least two texts"),
    "classes of two": ("target", {"names": ["y", "z"], "classes": ["a", "b"]}, "one for classes"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "value", "match"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_descriptions_are_refused(path: str, value: Any, match: str) -> None:
    with pytest.raises(ValueError, match=match) as caught:
        from_description(changed(path, value))
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"size": [28]}, "two whole numbers"),
        ({"size": [28.0, 28]}, "two whole numbers"),
        ({"size": [0, 28]}, "each from 1 to"),
        ({"size": [2**14, 2**14]}, "more than"),
        ({"grey": 1}, "grey: expected true or false"),
        ({"background": "white"}, "background: expected 0 … 255"),
        ({"background": 256}, "background must lie in"),
        ({"more": 1}, "an object with"),
    ],
)
def test_hostile_pictures_are_refused(change: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        from_description(PicturePreprocessing((28, 28)).describe() | change)
