"""Tables read: of which kind each column is, how rows are chosen, and what is refused."""

from __future__ import annotations

import datetime
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import tongtou as tt
from tongtou.datasets import Table
from tongtou.datasets.tables import table
from tongtou.errors import DataError
from tongtou.preprocessing.delimited import line_of

HOUSES = """size,town,sold,garden,price
50,Ulm,2024-01-02,yes,100.5
70,"Bonn, am Rhein",2024-02-03,no,150

,Ulm,2024-03-05 12:30,NA,200
60.5,?,2024-01-31,no,120
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """Write a file below the test's folder and return its path."""

    def call(content: str | bytes, name: str = "my.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return call


def kinds(one: Table) -> dict[str, str]:
    return {name: column.kind for name, column in one.columns.items()}


# What is read


def test_a_csv_file_and_the_kinds_of_its_columns(write: Any) -> None:
    houses = table(write(HOUSES), target="price")
    assert repr(houses) == "Table(n=4, 4 columns, 'price': numbers)"
    assert houses.name == "my.csv"
    assert kinds(houses) == {
        "size": "number", "town": "category", "sold": "date", "garden": "boolean",
    }  # fmt: skip
    size, town, sold, garden = houses.columns.values()
    np.testing.assert_array_equal(size.values, [50, 70, np.nan, 60.5])
    assert town.levels == ("Bonn, am Rhein", "Ulm")
    assert town.values.tolist() == [1, 0, 1, -1]
    assert sold.values[2] == np.datetime64("2024-03-05T12:30")
    np.testing.assert_array_equal(garden.values, [1, 0, np.nan, 0])
    assert houses.y.tolist() == [[100.5], [150], [200], [120]]


@pytest.mark.parametrize("make", ["parquet", "tsv", "semicolon", "crlf", "bom", "gb18030", "last"])
def test_the_same_table_in_other_forms(write: Any, tmp_path: Path, make: str) -> None:
    expected = table(write(HOUSES), target="price").prepared()
    options: dict[str, Any] = {}
    frame = pl.read_csv(HOUSES.encode(), null_values=["NA", "?"], try_parse_dates=False)
    path = tmp_path / "other.csv"
    if make == "parquet":
        path = tmp_path / "other.parquet"
        frame.drop_nulls("price").with_columns(
            pl.col("garden").replace_strict({"yes": True, "no": False}),
            pl.col("town").cast(pl.Categorical),
        ).write_parquet(path)
    elif make == "tsv":
        path = tmp_path / "other.tsv"
        frame.drop_nulls("price").write_csv(path, separator="\t")
    elif make == "semicolon":
        path.write_text(frame.drop_nulls("price").write_csv(separator=";", decimal_comma=True))
        options = {"decimal": ","}
    elif make == "crlf":
        path.write_bytes(HOUSES.replace("\n", "\r\n").encode())
    elif make == "bom":
        path.write_bytes(b"\xef\xbb\xbf" + HOUSES.encode())
    elif make == "gb18030":
        path.write_bytes(HOUSES.encode("gb18030"))
        options = {"encoding": "gb18030"}
    else:
        path.write_bytes(HOUSES.rstrip("\n").encode())
    found = table(path, target="price", **options).prepared()
    assert found.preprocessing.parts == expected.preprocessing.parts
    np.testing.assert_array_equal(found.X, expected.X)
    np.testing.assert_array_equal(found.y, expected.y)


def test_data_frames_of_polars_and_pandas_and_dicts() -> None:
    day = datetime.date(2024, 5, 31)
    columns: dict[str, list[Any]] = {
        "n": [1, 2, None], "f": [0.5, float("nan"), 2], "t": ["b", None, "a"],
        "b": [True, None, False], "d": [day, None, day], "y": [1.5, 2, 3],
    }  # fmt: skip
    tables = [
        table(source, target="y")
        for source in (
            columns,
            pl.DataFrame(columns),
            pl.DataFrame(columns).lazy(),
            pd.DataFrame(columns),
            pd.DataFrame(columns).convert_dtypes(),
            pd.DataFrame(columns).astype({"t": "category", "d": "datetime64[ns]"}),
            pd.DataFrame(columns).assign(d=pd.to_datetime(columns["d"], utc=True)),
        )
    ]
    for one in tables:
        assert list(kinds(one).values()) == ["number", "number", "category", "boolean", "date"]
        for mine, theirs in zip(tables[0].columns.values(), one.columns.values(), strict=True):
            np.testing.assert_array_equal(mine.values, theirs.values)
            assert mine.levels == theirs.levels


def test_kinds_can_be_told(write: Any) -> None:
    path = write("zip,sold,on,y\n01234,31.12.2023,1,1.5\n99999,1.2.2024,0,2\n")
    told = {"zip": "category", "sold": "%d.%m.%Y", "on": "boolean"}
    one = table(path, target="y", columns=told)
    assert one.columns["zip"].levels == ("01234", "99999")
    assert one.columns["sold"].values[1] == np.datetime64("2024-02-01")
    learnt = one.prepared().preprocessing
    # The form of the dates is remembered.
    X = learnt.transform({"zip": ["99999"], "sold": ["24.12.2023"], "on": ["yes"]})
    assert X.shape == (1, learnt.n_in)
    with pytest.raises(DataError, match=r"expected a date written as %d\.%m\.%Y; got '2023-12-24'"):
        learnt.transform({"zip": ["99999"], "sold": ["2023-12-24"], "on": [0]})
    with pytest.raises(DataError, match=r"my.csv line 2, column 'sold': expected a finite number"):
        table(path, target="y", columns={"sold": "number"})
    with pytest.raises(ValueError, match=r"number, boolean, category, date.*told to be 'text'"):
        table(path, target="y", columns={"sold": "text"})


def test_numbers_that_name_categories_are_the_same_in_files_and_frames(write: Any) -> None:
    path = write("k,y\n1,1.5\n2,2\n,3\n")
    learnt = table(path, target="y", columns={"k": "category"}).prepared().preprocessing
    for source in ({"k": [1.0, None, 2.0]}, {"k": np.array([1, 2, 1])}, {"k": ["1", "2", "1"]}):
        assert learnt.transform(source).sum() == 3
    assert learnt.feature_names == ("k = 1", "k = 2", "k is missing")


def test_dropped_columns_are_not_read(write: Any) -> None:
    path = write("id,x,y\nabc,1,2\nabd,2,2.5\n")
    one = table(path, target="y", drop=["id"])
    assert list(one.columns) == ["x"]
    one = table({"x": [1, 2], "id": [object(), []], "y": [1, 2.5]}, target="y", drop="id")
    assert list(one.columns) == ["x"]
    with pytest.raises(DataError, match=r"unknown column 'idd'.*Did you mean 'id'\?"):
        table(path, target="y", drop=["idd"])
    with pytest.raises(ValueError, match="columns that are not dropped"):
        table(path, target="y", drop=["y"])


# What is predicted


@pytest.mark.parametrize(
    ("values", "options", "classes", "y"),
    [
        (["b", "a", "b"], {}, ("a", "b"), [1, 0, 1]),
        ([True, False, True], {}, (False, True), [1, 0, 1]),
        ([0, 1, 2], {}, (0, 1, 2), [0, 1, 2]),
        ([2, 1, 3], {}, (1, 2, 3), [1, 0, 2]),
        ([10, 9, 10], {"kind": "classes"}, (9, 10), [1, 0, 1]),
        ([2, 1, 3], {"kind": "numbers"}, (), [[2], [1], [3]]),
        ([2, 5, 3], {}, (), [[2], [5], [3]]),
        ([0, 1, 0.5], {}, (), [[0], [1], [0.5]]),
        (["x", "y", "y"], {"columns": {"t": "category"}}, ("x", "y"), [0, 1, 1]),
    ],
)
def test_classes_and_numbers(
    values: list[Any], options: dict[str, Any], classes: tuple[Any, ...], y: list[Any]
) -> None:
    one = table({"x": [1, 2, 3], "t": values}, target="t", **options)
    assert (one.classes, one.y.tolist()) == (classes, y)
    assert list(map(type, one.classes)) == list(map(type, classes))
    assert one.kind == ("classes" if classes else "numbers")
    if classes:
        data = one.prepared()
        assert data.classes == classes
        assert data.n_out == len(classes)
        said = data.preprocessing.answers(np.eye(len(classes))[data.y])
        assert said.tolist() == values


# Rows


def a_table(n: int = 100) -> Table:
    rows = {"x": np.arange(n) / 7, "t": ["rare" if i % 10 == 0 else "common" for i in range(n)]}
    return table(rows, target="t")


def test_a_split_takes_each_row_once_and_each_class_in_proportion() -> None:
    one = a_table()
    train, test = one.split_rows(0.2, seed=5)
    assert sorted([*train, *test]) == list(range(100))
    assert len(test) == 20
    assert (one.y[test] == one.classes.index("rare")).sum() == 2
    np.testing.assert_array_equal(test, one.split_rows(0.2, seed=5)[1])
    assert set(test) != set(one.split_rows(0.2, seed=6)[1])
    counts = np.zeros(100)
    for seed in range(200):
        counts[one.split_rows(0.2, seed=seed)[1]] += 1
    assert counts.min() > 15  # every row comes into the test, about 40 times
    assert counts.max() < 70
    for share in (0, 1, -0.1, 1.5, 0.001, 0.999, float("nan")):
        with pytest.raises(ValueError, match="share must be between 0 and 1"):
            one.split(share)


def test_rows_of_a_table_keep_their_place(write: Any) -> None:
    lines = "".join(f"{i},{'a' if i < 5 else 'b'},{i / 3}\n" for i in range(8))
    one = table(write("x,t,y\n" + lines), target="y")
    later = one[5:]
    assert later.y[:, 0].tolist() == pytest.approx([5 / 3, 2, 7 / 3])
    assert len(one[np.array([7, 0])]) == len(one[one.y[:, 0] < 0.5]) == 2
    learnt = one[:5].prepared()
    assert learnt.preprocessing.dropped == (("t", "constant"),)
    mixed = one[1:6].prepared().preprocessing
    rows = table(write("x,t,y\n1,a,2\n\n2,b,3.5\n3,c,4\n", "c.csv"), target="y")
    with pytest.raises(DataError, match=r"c\.csv line 5, column 't': 'c' was not among"):
        rows[1:].prepared(mixed)
    with pytest.raises(TypeError, match=r"one row \[2:3\]"):
        one[2]
    with pytest.raises(DataError, match=r"learnt from a table with a column 't' of the kind cat"):
        table({"x": [1, 2], "y": [1, 2.5]}, target="y").prepared(mixed)
    with pytest.raises(DataError, match=r"learnt for \('y',\)"):
        table({"x": [1, 2], "t": ["a", "b"], "z": [1, 2.5]}, target="z").prepared(mixed)
    assert len(pickle.loads(pickle.dumps(later))) == 3


def test_a_network_learns_a_table_and_answers_in_its_units() -> None:
    random = np.random.default_rng(0)
    x = random.normal(50, 20, 400)
    town = random.choice(["Ulm", "Bonn"], 400)
    price = 1000 * x + np.where(town == "Ulm", 20_000, 0)
    houses = table({"x": x, "town": town, "price": price}, target="price")
    train, test = houses.split(0.25)
    net = tt.Network([train.n_in, train.n_out], output="linear", loss="mse")
    tt.fit(net, train, epochs=30, progress=False)
    said = train.preprocessing.answers(net.predict_proba(test))
    rows = houses.split_rows(0.25)[1]
    assert np.abs(said - price[rows]).max() < 200


def test_rows_with_answers_are_measured_by_what_was_learnt(write: Any) -> None:
    rows = {"x": [1, 2, 3, 4], "town": ["Ulm", "Bonn", "Ulm", "Bonn"]}
    prices = table(rows | {"y": [10.0, 20, 40, 30]}, target="y").prepared()
    assert prices.rows is not None
    assert prices.rows.tolist() == [0, 1, 2, 3]
    some = prices.preprocessing.examples(write("y,town,x\n40,Ulm,3\n\n20,Bonn,2\n"))
    np.testing.assert_array_equal(some.X, prices.X[[2, 1]])
    np.testing.assert_array_equal(some.y, prices.y[[2, 1]])
    assert (some.name, some.rows.tolist()) == ("my.csv", [0, 1])
    with pytest.raises(DataError, match=r"my\.csv line 3, column 'y': the target has no value"):
        prices.preprocessing.examples(write("y,town,x\n1,Ulm,3\n,Bonn,2\n"))
    with pytest.raises(DataError, match="unknown column 'y'"):
        prices.preprocessing.examples(write("town,x\nUlm,3\n"))


@pytest.mark.parametrize(
    ("values", "new", "y", "wrong", "said"),
    [
        (["a", "c", "b", "a"], ["c", "c"], [2, 2], "d", "'d' is none of the 3 classes"),
        ([1, 2, 3, 1], [3, 3], [2, 2], 4, r"4\.0 is none of the 3 classes"),
        ([True, False, True, True], ["yes", "no"], [1, 0], 2, "expected true or false"),
        (["right", "left"] * 2, ["left"] * 2, [0, 0], "wright", r"Did you mean 'right'\?"),
    ],
)
def test_a_class_that_was_not_learnt(
    values: list[Any], new: list[Any], y: list[int], wrong: Any, said: str
) -> None:
    train = table({"x": [1, 2, 3, 4], "t": values}, target="t").prepared()
    found = train.preprocessing.examples({"x": [1, 2], "t": new})
    assert (found.y.tolist(), found.classes) == (y, train.classes)
    with pytest.raises(DataError, match=rf"row 1 \(counted from 0\), column 't': .*{said}"):
        train.preprocessing.examples({"x": [1, 2], "t": [values[0], wrong]})


def test_what_a_table_tells_of_its_rows() -> None:
    train, test = a_table().split(0.2, seed=1)
    assert sorted([*train.rows, *test.rows]) == list(range(100))
    np.testing.assert_array_equal(test[3:5].rows, test.rows[3:5])


# What is refused

MANY = "".join(f"name{i},{i}.5\n" for i in range(101))
WRONG: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "too few fields": ("a,y\n1,2\n\n3\n", {}, r"my\.csv line 4: expected 2 fields.* it has 1: '3'"),
    "too many fields": ("a,y\n1,2\n3,4,5\n", {}, "line 3: expected 2 fields.* it has 3: '3,4,5'"),
    "after a text of two lines": ('a,y\n"1\n2",2\n3\n', {}, "line 4: expected 2 fields"),
    "two of a name": ("a,b,a,y\n1,2,3,4\n", {}, "'a' names columns 1 and 3"),
    "no name": (",y\n0,1\n1,2.5\n", {}, r"column 1 has no name.*drop=\[''\]"),
    "a pattern for a name": ("*,y\n1,2\n", {}, r"no column can be named '\*'.*Rename it"),
    "another pattern": ("^.*$,y\n1,2\n", {}, r"'\^\.\*\$' does\. Rename it"),
    "only names": ("a,y\n", {}, "expected at least one row below the names"),
    "only names and blank lines": ("a,y\n\n\n", {}, "expected at least one row below the names"),
    "nothing": ("", {}, "the file is empty"),
    "a blank first line": ("\na,y\n1,2\n", {}, "names of the columns in line 1"),
    "no such target": ("a,z\n1,2\n", {}, "unknown column 'y'"),
    "target missing": ("a,y\n1,2\n3,\n4,NA\n", {}, r"line 3, column 'y': the target has no value "
                       r"\(and 1 more rows\)"),
    "target missing, classes": ("a,y\n1,u\n3,\n4,v\n", {}, "line 3, column 'y': the target has no"),
    "constant target": ("a,y\n1,7\n3,7\n", {}, "the target 'y' is 7 in all 2 rows"),
    "one class": ("a,y\n1,u\n3,u\n", {}, "at least two classes in the target 'y'; all 2 rows are"),
    "one truth": ("a,y\n1,yes\n3,yes\n", {}, "at least two classes in the target 'y'"),
    "dates for a target": ("a,y\n1,2024-01-01\n3,2024-01-02\n", {}, "the target 'y' holds dates"),
    "texts for numbers": ("a,y\n1,u\n3,v\n", {"kind": "numbers"}, "'y' to hold numbers; it is a"),
    "text in a number column": (
        "a,y\n" + "1,2\n" * 30 + "12 m,3\n",
        {},
        r"line 32, column 'a': expected a number, as in 30 of 31 rows; got '12 m'\. Correct it, add"
        r" it to missing=\[…\] .* columns=\{'a': 'category'\}",
    ),
    "text in a number target": ("a,y\n" + "1,2.5\n2,3\n" * 30 + "1,many\n", {}, "line 62, col"),
    "infinity": ("a,y\n1,2\ninf,3.5\n", {}, "line 3, column 'a': expected a finite number"),
    "a decimal comma": ("a;y\n1,5;2\n2,5;3\n", {}, "column 'a' holds numbers with a comma in"),
    "too many levels": ("n,y\n" + MANY, {}, r"'n' holds 101 different texts \('name0'.*drop=\['n"),
    "bad byte": (b"a,y\n1,2\n\xe9,3\n", {}, "in UTF-8; line 3 holds the byte 0xe9"),
    "the wrong encoding": (b"a,y\n\xff,2\n", {"encoding": "gb18030"}, "text in gb18030, but"),
    "unknown encoding": ("a,y\n1,2\n", {"encoding": "klingon"}, "unknown encoding 'klingon'"),
    "UTF-16": ("a,y\n1,2\n".encode("utf-16"), {}, "UTF-16.*encoding='utf-16'"),
    "a zero byte": ("a,y\n1,\x00\n", {}, "line 2 holds a zero byte"),
    "an open quote": ('a,y\n1,2\n3,"4\n5,6\n', {}, "the quotation mark in line 3 is not closed"),
    "quotes amid fields": ('a,y\n1",2\n2",4\n', {}, "quotation marks around whole fields only"),
    "decimals of both kinds": ("a;y\n1.5;2\n2,5;3\n", {"decimal": ","}, "with a comma in them"),
    "lines of old machines": ("a,y\r1,2\r3,4\r", {}, "carriage returns alone"),
    "a workbook": (b"PK\x03\x04\x14\x00", {}, "a workbook or ZIP archive"),
    "Parquet in disguise": (b"PAR1\x15\x04", {}, "a Parquet file; let its name"),
    "a long separator": ("a,y\n1,2\n", {"separator": "::"}, "separator must be one character"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "options", "match"), WRONG.values(), ids=WRONG)
def test_bad_tables_are_refused_and_the_place_named(
    write: Any, content: str | bytes, options: dict[str, Any], match: str
) -> None:
    path = write(content)
    with pytest.raises((DataError, ValueError), match=match) as caught:
        table(path, target="y", **options)
    message = str(caught.value)
    assert "\n" not in message
    assert len(message) < 600
    if isinstance(caught.value, DataError) and "separator" not in options:
        assert str(path) in message or "encoding" in options


@pytest.mark.parametrize(
    ("source", "match"),
    [
        ("nowhere.csv", r"nowhere\.csv: .*No such file"),
        ("nowhere.parquet", "No such file"),
        (".", "this is a folder"),
        ("/dev/null", "this is a pipe or device"),
        ("nul\0l", "the path of a table"),
        (np.zeros((3, 2)), r"a Polars or pandas DataFrame.*got ndarray.*\(X, y\) to fit"),
        (3, "got int"),
        ({}, "at least one row"),
        ({"a": []}, "at least one row"),
        (pd.DataFrame([[1, 2]], columns=["y", "y"]), "'y' names columns 1 and 2"),
        (pl.DataFrame({"y": [1, 2], "l": [[1], [2]]}), r"'l' to hold numbers.*List"),
        (pd.DataFrame({"y": [1, 2], "l": pd.to_timedelta([1, 2])}), "it holds Timedelta"),
    ],
    ids=str,
)
def test_what_is_no_table(source: Any, match: str) -> None:
    with pytest.raises(DataError, match=match):
        table(source, target="y")


def test_a_damaged_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "my.parquet"
    pl.DataFrame({"a": range(1000), "y": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match=r"my\.parquet: expected a table that can be read"):
        table(path, target="y")


def test_lines_are_counted_through_quotes_blocks_and_blank_lines(
    write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = 'a,y\n1,2\n"x\n""y""\n",3\n\n\r\n4,5\n'
    for block in (1, 3, 1 << 20):
        monkeypatch.setattr("tongtou.preprocessing.delimited._BLOCK_BYTES", block)
        path = str(write(text))
        assert [line_of(path, row) for row in range(3)] == [2, 3, 8]
        one = table(path, target="y", columns={"a": "category"})
        assert one.columns["a"].levels == ("1", '4', 'x\n"y"')  # fmt: skip
    # A line that is wrong in the second block has its own number too.
    monkeypatch.setattr("tongtou.preprocessing.delimited._BLOCK_BYTES", 16)
    with pytest.raises(DataError, match="line 9: expected 2 fields"):
        table(write(text + "6\n"), target="y")


def test_only_what_is_used_is_kept(tmp_path: Path) -> None:
    """Ten wide columns of texts are left out: what is read takes little memory."""
    n = 20_000
    path = tmp_path / "wide.csv"
    rest = ",".join(["some text that is long" * 2] * 10)
    with path.open("w") as file:
        file.write("x,y," + ",".join(f"t{i}" for i in range(10)) + "\n")
        file.writelines(f"{i},{i % 7}.5,{rest}\n" for i in range(n))
    assert path.stat().st_size > 8e6
    tracemalloc.start()
    try:
        one = table(path, target="y", drop=[f"t{i}" for i in range(10)])
        kept, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(one.columns) == ["x"]
    assert kept < 2e6
    assert peak < 4e7  # the blocks in which the lines are counted


def test_the_missing_extra_is_named() -> None:
    program = """
import sys
sys.modules["polars"] = None
import tongtou as tt
try:
    tt.datasets.table({"x": [1]}, target="x")
except tt.MissingExtraError as error:
    print(error)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install 'tongtou[tables]'" in run.stdout, run.stderr


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"target": 1}, "target must be a text or several.*it is 1.*by their digits"),
        ({"target": ["y", "y"]}, r"each of them once; it is \['y', 'y'\]"),
        ({"target": "y", "drop": [0]}, r"drop must be a text or several.*it is \[0\]"),
        ({"target": "y", "encoding": None}, "encoding must be a name such as 'utf-8'"),
        ({"target": "y", "most_levels": 2.5}, "most_levels must be a whole number"),
        ({"target": "y", "drop": "a"}, r"rows; there is only the target\. Give"),
    ],
    ids=str,
)
def test_wrong_settings_of_a_table(write: Any, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        table(write("a,y\n1,2\n3,4.5\n"), **options).prepared()


def test_one_text_that_stands_for_missing_is_not_taken_for_its_letters(write: Any) -> None:
    read = table(write("a,y\nA,1.5\nN,2\nNA,4\nA,3\n"), target="y", missing="NA")
    assert read.columns["a"].levels == ("A", "N")
    assert read.columns["a"].missing.tolist() == [False, False, True, False]


def test_wrong_settings_of_a_split_and_of_what_is_prepared() -> None:
    read = table({"a": [1, 2, 4], "y": [1.5, 2, 4]}, target="y")
    with pytest.raises(ValueError, match=r"share must be between 0 and 1.*'a' of 3 rows"):
        read.split("a")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="dtype must be float32 or float64, for numbers are stand"):
        read.prepared(dtype=int)
    with pytest.raises(ValueError, match=r"of the type Table\. Of a table take those of table\.sp"):
        tt.fit(tt.Network([1, 1]), read)  # type: ignore[arg-type]


def test_rows_prepared_by_other_rows_are_not_measured() -> None:
    rows = {"a": list(range(40)), "y": ["p", "q"] * 20}
    read = table(rows, target="y")
    train = read[:30].prepared()
    net = tt.Network([1, 2], output="softmax", loss="cross_entropy")
    tt.fit(net, train, epochs=1, validation=read[30:].prepared(train.preprocessing))
    assert net.accuracy(read[30:].prepared(train.preprocessing)) >= 0
    before = net.layers[0].W.copy()
    for use in (net.loss, net.accuracy, net.gradients):
        with pytest.raises(DataError, match=r"prepared otherwise .* table\.prepared\(train"):
            use(read[30:].prepared())
    with pytest.raises(DataError, match="prepared otherwise"):
        tt.fit(net, train, epochs=1, validation=read[30:].prepared())
    np.testing.assert_array_equal(net.layers[0].W, before)
