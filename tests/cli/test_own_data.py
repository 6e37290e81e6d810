"""Pictures in folders and tables: trained on, saved, predicted and tested from the command line."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Run
from PIL import Image

import tongtou as tt
from tongtou.preprocessing import PicturePreprocessing, TablePreprocessing

N_PICTURES, N_ROWS = 160, 300


@pytest.fixture(scope="session")
def folder(mnist: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Digits 0, 1 and 7 as small pictures, a folder for each."""
    top = tmp_path_factory.mktemp("own") / "digits"
    rows = np.flatnonzero(np.isin(mnist.train.y, (0, 1, 7)))[:N_PICTURES]
    for row in rows:
        place = top / f"a {mnist.train.y[row]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(mnist.train.X[row].reshape(28, 28)).save(place / f"{row}.png")
    return top


@pytest.fixture(scope="session")
def houses(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sizes and towns of houses, and what they cost; one column says the same everywhere."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("own") / "houses.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["size", "town", "country", "price"])
        for size, town in zip(
            rng.uniform(30, 150, N_ROWS), rng.choice(["Ulm", "Bonn"], N_ROWS), strict=True
        ):
            price = 3000 * size + 50_000 * (town == "Ulm") + rng.normal(0, 5000)
            writer.writerow([f"{size:.1f}", town, "Germany", f"{price:.0f}"])
    return path


@pytest.fixture(scope="session")
def flowers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two measures, separated by semicolons, and a kind."""
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("own") / "flowers.csv"
    kinds = np.array(["lily", "rose"])[rng.integers(0, 2, N_ROWS)]
    lines = [
        f"{rng.normal(3 * (kind == 'rose'), 1):.3f};{rng.normal():.3f};{kind}" for kind in kinds
    ]
    path.write_text("long;wide;kind\n" + "\n".join(lines) + "\n")
    return path


def written(path: Path, rows: list[list[Any]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


# ---------------------------------------------------------------- pictures


def test_a_folder_of_pictures_is_learnt_saved_and_told_apart(run: Run, folder: Path) -> None:
    done = run("train", folder, "--size", "20x16", "--epochs", 40, "--augment", "light")
    assert done.code == 0, done.err
    for expected in (
        r"The network 320 → 128 → 3",
        r"112 examples to learn from, 16 held out",
        r"classes +a 0, a 1, a 7",
        r"pictures +20 × 16 pixels, grey",
        r"augmentation +shift 1, rotation 5",
        r"Test on 32 examples",
        r"Saved to digits\.safetensors",
    ):
        assert re.search(expected, done.out), expected
    net = tt.load("digits.safetensors")
    assert net.preprocessing == PicturePreprocessing((20, 16))
    assert net.classes == ("a 0", "a 1", "a 7")
    documents = json.loads(run("predict", "digits.safetensors", folder, "--json").out)["pictures"]
    assert len(documents) == N_PICTURES
    right = [Path(one["picture"]).parent.name == one["answer"] for one in documents]
    assert np.mean(right) > 0.9
    page = run("predict", "digits.safetensors", folder)
    assert page.code == 0
    # A sentence each and no picture, where they are many; long paths may break a line.
    assert page.out.count("confidence") == N_PICTURES
    assert "\n\n" not in page.out
    test = json.loads(run("evaluate", "digits.safetensors", folder, "--json").out)["test"]
    assert test["accuracy"] == np.mean(right)


def test_predict_draws_a_picture_of_another_size(run: Run, folder: Path) -> None:
    run("train", folder, "--colour", "--size", 60, "--epochs", 3, "--out", "m.safetensors")
    assert tt.load("m.safetensors").input_shape == (60, 60, 3)
    one = next((folder / "a 1").iterdir())
    done = run("predict", "--model", "m.safetensors", one)
    assert done.code == 0, done.err
    assert re.search(r"a 1 +█*.* +[\d.]+%", done.out)
    assert max(map(len, done.out.splitlines()[1:])) <= 80


def test_the_options_of_pictures_arrive(run: Run, folder: Path) -> None:
    words = ["--invert", "--background", 7, "--colour", "--size", 9, "--epochs", 0]
    assert run("train", folder, *words).code == 0
    learnt = tt.load("digits.safetensors").preprocessing
    assert learnt == PicturePreprocessing((9, 9), grey=False, invert=True, background=7)


def test_the_test_pictures_are_a_share_of_each_class(run: Run, folder: Path) -> None:
    words = ["train", folder, "--epochs", 0, "--test-share", 0.5, "--json"]
    test = json.loads(run(*words).out)["test"]
    counts = [len(list((folder / name).iterdir())) for name in ("a 0", "a 1", "a 7")]
    for found, n in zip(np.sum(test["confusion"], 1), counts, strict=True):
        assert abs(found - n / 2) <= 1
    assert json.loads(run(*words, "--seed", 0).out)["test"]["confusion"] == test["confusion"]
    document = json.loads(run("train", folder, "--epochs", 0, "--test-share", 0, "--json").out)
    assert document["test"] is None
    assert "--test-share 0" in run("train", folder, "--epochs", 0, "--test-share", 0).out


def test_files_that_are_no_pictures_are_a_remark(run: Run, folder: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for source in sorted(folder.rglob("*.png"))[::8]:
        place = own / source.parent.name
        place.mkdir(parents=True, exist_ok=True)
        (place / source.name).write_bytes(source.read_bytes())
    (own / "a 0" / "notes.txt").write_text("mine")
    done = run("train", own, "--epochs", 0)
    assert done.code == 0
    assert re.fullmatch(r"Note: [^\n]*notes\.txt[^\n]*\n", done.err)


# ---------------------------------------------------------------- tables


def test_numbers_of_a_table_are_told_in_their_own_units(run: Run, houses: Path) -> None:
    done = run("train", houses, "--target", "price", "--epochs", 60, "--learning-rate", 0.01)
    assert done.code == 0, done.err
    for expected in (
        r"The network 3 → 64 → 64 → 1",
        r"210 examples to learn from, 30 held out",
        r"target +price, in numbers; learnt as",
        r"inputs +3, made of 2 columns",
        r"left out +country: the same in every row",
        r"mean squared error",
        r"optimiser +adam",
        r"stops early +early stopping \(patience 20\)",
        r"typical error +[\d,]+, root of the mean square \(RMSE\)\n",
        r"R² +0\.9\d+",
        r"The 8 furthest off in price",
        r"Saved to houses\.safetensors",
    ):
        assert re.search(expected, done.out), expected
    document = json.loads(
        run(
            "train", houses, "--target", "price", "--epochs", 60, "--learning-rate", 0.01, "--json"
        ).out
    )
    residuals = document["test"]["residuals"]
    assert [one["target"] for one in residuals] == ["price"]
    train, test = tt.datasets.table(houses, target="price").split(0.2)
    net = tt.load("houses.safetensors")
    assert isinstance(net.preprocessing, TablePreprocessing)
    assert net.preprocessing.feature_names == train.preprocessing.feature_names
    said = net.preprocessing.answers(net.predict_proba(test))
    answers = net.preprocessing.answers(test.y)
    off = said - answers
    one = residuals[0]
    assert one["rmse"] == pytest.approx(np.sqrt(np.mean(off**2)))
    assert one["mae"] == pytest.approx(np.abs(off).mean())
    assert one["r_squared"] == pytest.approx(1 - np.mean(off**2) / answers.var())
    assert 3000 < one["rmse"] < 15_000
    worst = np.abs([found["said"] - found["is"] for found in one["worst"]])
    np.testing.assert_allclose(worst, np.sort(np.abs(off))[::-1][:8])


def test_raw_rows_go_in_and_predictions_come_out(run: Run, houses: Path) -> None:
    run("train", houses, "--target", "price", "--epochs", 60, "--learning-rate", 0.01)
    new = written(
        Path("new.csv"), [["town", "size", "remark"], ["Ulm", 100, ""], ["Bonn", 100, "old"]]
    )
    done = run("predict", "houses.safetensors", new)
    assert done.code == 0, done.err
    rows = re.findall(r"^ +(\d) +([\d,]+)$", done.out, re.M)
    assert [number for number, _ in rows] == ["1", "2"]
    ulm, bonn = (float(price.replace(",", "")) for _, price in rows)
    assert ulm == pytest.approx(350_000, rel=0.05)
    assert bonn == pytest.approx(300_000, rel=0.05)
    told = json.loads(run("predict", "houses.safetensors", new, "--json").out)["rows"]
    assert [round(one["price"]) for one in told] == [ulm, bonn]
    done = run("predict", "houses.safetensors", new, "--out", "prices.csv")
    assert done.out == "2 predictions written to prices.csv\n"
    with open("prices.csv", newline="") as file:
        found = list(csv.DictReader(file))
    assert [float(one["price"]) for one in found] == pytest.approx([one["price"] for one in told])


def test_classes_of_a_table_come_with_their_confidence(run: Run, flowers: Path) -> None:
    done = run("train", flowers, "--target", "kind", "--epochs", 40, "--learning-rate", 0.01)
    assert done.code == 0, done.err
    assert re.search(r"target +kind: lily, rose", done.out)
    assert "Confusion matrix" in done.out
    new = written(Path("new.csv"), [["long", "wide"], [3.5, 0], [-0.5, 0]])
    page = run("predict", "flowers.safetensors", new)
    assert re.search(r"^ +1 +rose +9\d\.\d%$", page.out, re.M)
    assert re.search(r"^ +2 +lily +\d\d\.\d%$", page.out, re.M)
    rows = json.loads(run("predict", "flowers.safetensors", new, "--json").out)["rows"]
    assert list(rows[0]) == ["kind", "confidence", "p(lily)", "p(rose)"]
    assert rows[0]["kind"] == "rose"
    assert rows[0]["confidence"] == rows[0]["p(rose)"]
    assert rows[0]["p(lily)"] + rows[0]["p(rose)"] == pytest.approx(1)


def test_a_table_of_more_rows_than_a_page_holds_is_cut(run: Run, flowers: Path) -> None:
    run("train", flowers, "--target", "kind", "--epochs", 1)
    done = run("predict", "flowers.safetensors", flowers)
    assert done.out.splitlines()[-1] == (
        "… and 270 more rows; write all of them with --out predictions.csv"
    )
    assert len(done.out.splitlines()) == 33


def test_evaluate_takes_a_table_with_its_answers(run: Run, flowers: Path, houses: Path) -> None:
    run("train", flowers, "--target", "kind", "--epochs", 40, "--learning-rate", 0.01)
    roses = [line for line in flowers.read_text().splitlines() if "lily" not in line]
    Path("roses.csv").write_text("\n".join(roses) + "\n")  # not every class need be there
    test = json.loads(run("evaluate", "flowers.safetensors", "roses.csv", "--json").out)["test"]
    assert test["n"] == len(roses) - 1
    assert test["accuracy"] > 0.8
    assert test["confusion"][0] == [0, 0]
    run("train", houses, "--target", "price", "--epochs", 60, "--learning-rate", 0.01)
    done = run("evaluate", "houses.safetensors", houses)
    assert done.code == 0, done.err
    assert "furthest off in price" in done.out
    assert "Confusion" not in done.out


def test_the_options_of_tables_arrive(run: Run) -> None:
    Path("t.txt").write_text(
        "zip;sold;area;n;x;y\n"
        + "".join(f"{i % 3};0{i % 8 + 1}.01.2024;{i},5;{i % 4};-;{i}\n" for i in range(40))
    )
    done = run(
        "train", "t.txt", "--target", "area,y", "--columns", "zip=category,sold=%d.%m.%Y",
        "--decimal", ",", "--separator", ";", "--missing", "-,?", "--drop", "n", "--epochs", 1,
    )  # fmt: skip
    assert done.code == 0, done.err
    learnt = tt.load("t.safetensors").preprocessing
    assert isinstance(learnt, TablePreprocessing)
    assert learnt.target.names == ("area", "y")
    assert {part.name: part.kind for part in learnt.parts} == {"zip": "category", "sold": "date"}
    assert learnt.dropped == (("x", "empty"),)
    assert re.search("The 8 furthest off in area", done.out)
    assert re.search("The 8 furthest off in y", done.out)
    words = ["--decimal", ",", "--columns", "sold=%d.%m.%Y", "--epochs", 0]
    assert run("train", "t.txt", "--target", "n", "--kind", "classes", *words).code == 0
    assert tt.load("t.safetensors").classes == (0, 1, 2, 3)
    assert run("train", "t.txt", "--target", "n", "--kind", "numbers", *words).code == 0
    assert tt.load("t.safetensors").classes == ()


def test_counts_keep_their_scale_for_poissons_loss(run: Run) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 2, 200)
    written(Path("c.csv"), [["x", "n"], *zip(x, rng.poisson(np.exp(x)) * 3, strict=True)])
    done = run(
        "train", "c.csv", "--target", "n", "--kind", "numbers", "--loss", "poisson", "--epochs", 30
    )
    assert done.code == 0, done.err
    assert re.search(r"target +n, in numbers\n", done.out)
    net = tt.load("c.safetensors")
    assert (net.loss_function.name, net.layers[-1].activation.name) == ("poisson", "exp")


def test_unknown_categories_stop_unless_told_otherwise(run: Run, houses: Path) -> None:
    run("train", houses, "--target", "price", "--epochs", 1)
    new = written(Path("new.csv"), [["size", "town"], [50, "Kiel"], [60, "Ulm"]])
    done = run("predict", "houses.safetensors", new)
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "new.csv line 2, column 'town': 'Kiel'" in done.err
    assert "--lenient" in done.err
    done = run("predict", "houses.safetensors", new, "--lenient")
    assert done.code == 0
    assert re.fullmatch(r"Note: [^\n]+\n", done.err)
    assert len(re.findall(r"^ +\d +[\d,]+$", done.out, re.M)) == 2


# ---------------------------------------------------------------- mistakes

MISTAKES = [
    (["train", "missing.csv", "--target", "y"], "there is no such folder or file"),
    (["train", "HOUSES"], "with --target COLUMN"),
    (["train", "HOUSES", "--target", "prise"], "Did you mean 'price'?"),
    (["train", "HOUSES", "--target", "price", "--size", "28"], "--size is about a folder"),
    (["train", "HOUSES", "--target", "price", "--augment", "light"], "--augment moves pictures"),
    (["train", "HOUSES", "--target", "price", "--recipe", "quick"], "for telling classes apart"),
    (["train", "HOUSES", "--target", "price", "--class-weight", "balanced"], "--class-weight is"),
    (["train", "HOUSES", "--target", "price", "--target-accuracy", "0.9"], "--target-accuracy is"),
    (["train", "HOUSES", "--target", "price", "--test-share", "0.001"], "--test-share 0.001"),
    (["train", "HOUSES", "--target", "price", "--drop", "price"], "target"),
    (["train", "HOUSES", "--target", "price", "--columns", "size=colour"], "'size'"),
    (["train", "HOUSES", "--target", "price", "--images", "x"], "both name data"),
    (["train", "FOLDER", "--target", "price"], "--target is about a table"),
    (["train", "FOLDER", "--encoding", "gb18030"], "--encoding is about a table"),
    (["train", "FOLDER", "--test-share", "1"], "--test-share"),
    (["train", "--target", "price"], "--target is about a table"),
    (["train", "--colour"], "--colour is about a folder"),
    (["train", "--test-share", "0.5"], "--test-share is about data of your own"),
    (["train", "empty"], "sub-folder"),
    (["predict", "MODEL"], "name at least one picture"),
    (["predict", "MODEL", "new.csv", "--model", "other"], "both name the model"),
    (["predict", "MODEL", "a.csv", "b.csv"], "one table at a time"),
    (["predict", "MODEL", "missing.csv"], "there is no such folder or file"),
    (["predict", "MODEL", "HOUSES", "--out", "no/such/file"], "no/such"),
    (["predict", "MODEL", "HOUSES", "--out", "."], "cannot be written"),
    (["predict", "PICTURES", "empty"], "no pictures in this folder"),
    (
        ["predict", "PICTURES", "a.png", "--out", "x.csv"],
        "--out is for networks trained on a table",
    ),
    (["predict", "PICTURES", "a.png", "--lenient"], "--lenient is for networks"),
    (["evaluate", "MODEL", "FOLDER"], "expected a table"),
    (["evaluate", "PICTURES", "HOUSES"], "expected a folder"),
    (["evaluate", "PICTURES", "other"], "the network does not know the class a;"),
    (["evaluate", "MODEL", "HOUSES", "--images", "x"], "both name data"),
    (["evaluate", "MODEL", "no-price.csv"], "column 'price'"),
    (["evaluate", "MODEL", "lacking.csv"], "lacking.csv line 3, column 'price'"),
    (["evaluate", "FLOWERS", "new-kind.csv"], "'tulip'"),
    (["evaluate", "PLAIN", "FOLDER"], "was not trained on pictures or a table"),
    (["evaluate", "PLAIN", "--separator", ";"], "--separator is about a table"),
]


@pytest.fixture(scope="session")
def places(
    folder: Path, houses: Path, flowers: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """What the words in capitals of the mistakes stand for."""
    here = tmp_path_factory.mktemp("models")
    train, _ = tt.datasets.table(houses, target="price").split()
    table = tt.Network([train.n_in, 1], output="linear", loss="mse")
    tt.fit(table, train, epochs=1, progress=False)
    data = tt.datasets.pictures(folder, size=(8, 8))
    pictures = tt.Network([64, 3], output="softmax", loss="cross_entropy")
    tt.fit(pictures, data, epochs=1, progress=False)
    train, _ = tt.datasets.table(flowers, target="kind").split()
    kinds = tt.Network([train.n_in, 2], output="softmax", loss="cross_entropy")
    tt.fit(kinds, train, epochs=1, progress=False)
    plain = tt.Network([784, 10])
    found = {"HOUSES": str(houses), "FOLDER": str(folder)}
    nets = {"MODEL": table, "PICTURES": pictures, "FLOWERS": kinds, "PLAIN": plain}
    for name, net in nets.items():
        path = here / f"{name}.safetensors"
        net.save(path)
        found[name] = str(path)
    return found


@pytest.mark.parametrize(
    ("words", "says"), MISTAKES, ids=[" ".join(words) for words, _ in MISTAKES]
)
def test_a_mistake_is_one_line_that_says_what_to_do(
    run: Run, words: list[str], says: str, places: dict[str, str]
) -> None:
    Path("empty").mkdir()
    for name in ("a", "b"):
        Path("other", name).mkdir(parents=True)
        Image.new("L", (8, 8)).save(Path("other", name, "1.png"))
    written(Path("no-price.csv"), [["size", "town"], [50, "Ulm"]])
    written(Path("lacking.csv"), [["size", "town", "price"], [50, "Ulm", 9], [60, "Ulm", ""]])
    written(Path("new-kind.csv"), [["long", "wide", "kind"], [1, 2, "rose"], [1, 2, "tulip"]])
    told = [places.get(word, word) for word in words]
    before = sorted(Path().rglob("*"))
    done = run(*told)
    assert done.code == 2
    assert done.out == ""
    assert re.fullmatch(r"Error: [^\n]+\n", done.err)
    assert says in done.err
    assert sorted(Path().rglob("*")) == before
    done = run(*told, "--lang", "zh")
    assert done.code == 2
    assert re.fullmatch(r"错误：[^\n]+\n", done.err)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_results_of_own_data_fit_the_width(
    run: Run, houses: Path, folder: Path, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rich.cells import cell_len

    monkeypatch.setenv("COLUMNS", str(width))
    for words in (
        ["train", houses, "--target", "price", "--epochs", 2, "--out", "h.safetensors"],
        ["predict", "h.safetensors", houses],
        ["evaluate", "h.safetensors", houses],
        ["train", folder, "--epochs", 2, "--out", "f.safetensors"],
        ["predict", "f.safetensors", next((folder / "a 0").iterdir())],
        ["info", "h.safetensors"],
        ["info", "f.safetensors"],
    ):
        done = run(*words, "--lang", "zh")
        assert done.code == 0, done.err
        lines = [line for line in done.out.splitlines() if str(folder.parent) not in line]
        assert max(map(cell_len, lines)) <= width
        assert not any(line != line.rstrip() for line in lines)
        assert not re.search("held out|Saved|layer |weights|confidence|typical", done.out)


# ---------------------------------------------------------------- where to look


def test_the_rows_told_are_those_of_the_users_table(run: Run, houses: Path, flowers: Path) -> None:
    words = ["--epochs", 1, "--json"]
    document = json.loads(run("train", houses, "--target", "price", *words).out)
    lines = list(csv.DictReader(houses.read_text().splitlines()))
    for one in document["test"]["residuals"][0]["worst"]:
        assert float(lines[one["row"]]["price"]) == pytest.approx(one["is"])
    page = run("train", houses, "--target", "price", "--epochs", 1).out
    shown = re.findall(r"^ +(\d+) +([\d,]+) +-?[\d,]+ +[-+][\d,]+$", page, re.M)
    assert len(shown) == 8
    for row, price in shown:
        assert lines[int(row) - 1]["price"] == price.replace(",", "")
    document = json.loads(run("train", flowers, "--target", "kind", *words).out)
    kinds = [line.rpartition(";")[2] for line in flowers.read_text().splitlines()[1:]]
    wrong = document["test"]["most_confidently_wrong"]
    assert wrong
    assert [kinds[one["row"]] for one in wrong] == [one["is"] for one in wrong]
    assert (
        f"row {wrong[0]['row'] + 1}" in run("train", flowers, "--target", "kind", "--epochs", 1).out
    )


def test_the_files_of_wrong_pictures_are_named(run: Run, folder: Path) -> None:
    page = run("train", folder, "--epochs", 0).out
    names = re.findall(r"\d+\.png", page)
    assert len(names) == 8
    assert set(names) <= {path.name for path in folder.rglob("*.png")}
