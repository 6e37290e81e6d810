"""The report: one page that is whole, safe, readable by everybody, and says the numbers it has."""

import base64
import csv
import hashlib
import io
import json
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from html_pages import Page
from scipy.stats import binomtest

import tongtou as tt
from tongtou import report
from tongtou.i18n import language as i18n_language
from tongtou.i18n import use_language
from tongtou.report.measures import one_in_proportion, wilson
from tongtou.report.words import Words, both, percent, shortened

CSS = Path(report.__file__).parent.joinpath("templates", "style.css").read_text("utf-8")
HOSTILE = (
    "<script>alert(1)</script>",
    '"\' onload=alert(2) x="',
    "</script><img src=x onerror=alert(3)>",
    "{{ 7 * 7 }} {% raw %} {en}",
    "一个非常非常非常非常非常非常非常非常非常长的类别名称 & more " * 4,
    "=HYPERLINK(1)",
    "&lt;b&gt; \u2028 \u202e backwards",
)


def table(n=240, names=("yes", "no", "maybe"), columns=("age", "size", "town", "old"), seed=0):
    """Rows of four kinds of columns, whose class hangs on the first and the third."""
    rng = np.random.default_rng(seed)
    age, town = rng.uniform(20, 90, n), rng.choice(["Ulm", "北京", HOSTILE[0]], n)
    score = (age - 55) / 20 + (town == "Ulm") + rng.normal(0, 0.3, n)
    which = np.digitize(score, np.quantile(score, np.arange(1, len(names)) / len(names)))
    values = [age.tolist(), rng.normal(size=n).tolist(), town.tolist(), rng.random(n) < 0.5]
    rows = dict(zip(columns, values, strict=True))
    return tt.datasets.table(rows | {"answer": [names[k] for k in which]}, target="answer")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("reports")


@pytest.fixture(scope="module")
def digits(folder):
    """A small network of digits, barely trained, on 500 of them, with its training rows."""
    mnist = tt.datasets.mnist()
    net = tt.Network([784, 8, 6, 10], seed=0)
    train = mnist.train[:3000]
    tt.fit(net, train, optimizer=tt.SGD(learning_rate=1.5), epochs=4, validation=0.1, seed=0)
    written = report.write(net, mnist.test[:500], folder / "digits.html", train=train)
    return written, Path(written.path).read_text("utf-8"), net, mnist.test[:500]


@pytest.fixture(scope="module")
def hostile(folder):
    """A classifier whose classes, columns and data have names that were made to break out."""
    rows = table(names=HOSTILE, columns=(*HOSTILE[:3], "old"))
    train, test = rows.split(0.4)
    net = tt.Network([train.n_in, 8, train.n_out], output="softmax", loss="cross_entropy")
    tt.fit(net, train, optimizer=tt.Adam(learning_rate=0.02), epochs=5, seed=0)
    test = tt.Dataset(
        test.X, test.y, test.classes, name=HOSTILE[2], preprocessing=test.preprocessing
    )
    written = report.write(net, test, folder / "hostile.html", train=train)
    return written, Path(written.path).read_text("utf-8")


@pytest.fixture(scope="module")
def prices(folder):
    """A regression on a table."""
    rng = np.random.default_rng(0)
    size, town = rng.uniform(20, 200, 200), rng.choice(["Ulm", "Bonn"], 200)
    price = 3 * size + 80 * (town == "Ulm") + rng.normal(0, 9, 200)
    rows = {"size": size.tolist(), "town": town.tolist(), "price": price.tolist()}
    train, test = tt.datasets.table(rows, target="price").split(0.4)
    net = tt.Network([train.n_in, 8, 1], activation="relu", output="linear", loss="mse")
    tt.fit(net, train, optimizer=tt.Adam(learning_rate=0.02), epochs=30, seed=0)
    written = report.write(net, test, folder / "prices.html")
    return written, Path(written.path).read_text("utf-8")


@pytest.fixture(params=["digits", "hostile", "prices"])
def any_page(request):
    return request.getfixturevalue(request.param)[:2]


# ---------------------------------------------------------------- the page


def test_every_element_is_closed(any_page):
    assert Page(any_page[1]).wrong == []


def test_nothing_is_fetched(any_page):
    page = Page(any_page[1])
    for tag, attrs in page.elements:
        for name in ("src", "href", "srcset", "action", "data", "poster"):
            target = attrs.get(name)
            assert target is None or target.startswith(("data:image/png;base64,", "#")), (
                tag,
                target,
            )
        assert not [name for name in attrs if name.startswith("on") or name == "style"], (
            tag,
            attrs,
        )
    assert {tag for tag, _ in page.elements} & {
        "link",
        "iframe",
        "object",
        "embed",
        "base",
    } == set()
    assert "url(" not in "".join(page.texts["style"])
    assert "@import" not in "".join(page.texts["style"])


def test_the_policy_allows_this_style_and_this_script_alone(any_page):
    page = Page(any_page[1])
    (policy,) = [m["content"] for m in page.of("meta") if "http-equiv" in m]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    style, script = page.texts["style"], page.texts["script"][-1:]
    for name, text in (("style-src", style), ("script-src", script)):
        digest = base64.b64encode(hashlib.sha256("".join(text).encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"
    assert [m.get("type") for m in page.of("script")] == ["application/json", None]


def test_the_findings_are_inside_as_they_are(any_page):
    written, text = any_page
    page = Page(text)
    inside = json.loads(page.texts["script"][0])
    assert inside == json.loads(json.dumps(written.findings, allow_nan=False))
    assert written.n_bytes == len(text.encode())


def test_every_button_leads_to_data(any_page):
    written, text = any_page
    buttons = Page(text).of("button")
    assert len(buttons) > 8
    for one in buttons:
        value = written.findings
        for key in filter(None, one["data-path"].split("/")):
            value = value[key]
        if one["data-form"] == "csv":
            assert all(isinstance(row, dict) for row in value), one
            assert value


def test_everybody_can_read_it(any_page):
    page = Page(any_page[1])
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    assert all(one.get("alt") for one in page.of("img"))
    assert all(one.get("role") == "img" and one.get("aria-label") for one in page.of("svg"))
    assert all(one.get("scope") in ("row", "col") for one in page.of("th"))
    there = {attrs.get("id") for _, attrs in page.elements}
    targets = [one["href"][1:] for one in page.of("a")]
    assert len(targets) >= 5
    assert set(targets) <= there
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_each_sentence_is_there_in_both_languages(any_page):
    page = Page(any_page[1])

    def count(name):
        return sum(name in attrs.get("class", "").split() for _, attrs in page.elements)

    n_gaps = any_page[1].count('<span class="en"> </span>')
    assert count("en") - n_gaps == count("zh") > 60
    for _, attrs in page.elements:
        if "data-en" in attrs:
            assert attrs["data-zh"]
            assert attrs["data-en"] in attrs.get("alt", attrs.get("aria-label"))


def test_hostile_names_stay_names(hostile):
    written, text = hostile
    page = Page(text)
    names = {tag for tag, _ in page.elements}
    assert not names & {"img", "i", "iframe"}
    assert len(page.of("script")) == 2
    assert "49" not in re.findall(r"\{\{.{0,9}", text)
    shown = "".join(page.texts["bdi"]) + "".join(page.texts["title"])
    assert HOSTILE[0] in shown
    assert "{{ 7 * 7 }}" in shown
    assert written.findings["quality"]["classes"][0]["class"] in HOSTILE
    assert max(len(one) for one in page.texts["text"]) < 40  # long ones are cut in charts


# ---------------------------------------------------------------- the colours


def _colour(text):
    text = text.strip()
    if text.startswith("#"):
        return np.array([int(text[k : k + 2], 16) for k in (1, 3, 5)]) / 255, 1.0
    *rgb, alpha = re.findall(r"[\d.]+", text)
    return np.array([float(one) for one in rgb]) / 255, float(alpha)


def _contrast(a, b):
    def luminance(c):
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast_is_that_of_wcag_aa(theme):
    block = re.findall(r":root \{(.*?)\}", CSS, re.S)[theme]
    colours = dict(re.findall(r"--([\w-]+): ([^;]+);", block))
    paper, ink = _colour(colours["paper"])[0], _colour(colours["ink"])[0]
    for name in ("ink", "quiet", "blue", "orange"):
        for ground in ("paper", "sheet"):
            found = _contrast(_colour(colours[name])[0], _colour(colours[ground])[0])
            assert found >= 4.5, (name, ground, found)
    grounds = [_colour(colours["blue-wash"])]
    tint = np.array([float(one) for one in colours["tint"].split()]) / 255
    grounds += [(tint, float(one)) for one in re.findall(r"--tint\) / (\.\d+)", CSS)]
    assert len(grounds) == 9
    for colour, alpha in grounds:
        assert _contrast(ink, alpha * colour + (1 - alpha) * paper) >= 4.5, alpha


# ---------------------------------------------------------------- the numbers


@pytest.mark.parametrize(("k", "n"), [(0, 7), (3, 10), (9530, 10000), (12, 12)])
def test_wilson_is_that_of_scipy(k, n):
    theirs = binomtest(k, n).proportion_ci(0.95, method="wilson")
    ours = wilson(k, n)
    assert ours["low"] == pytest.approx(theirs.low, abs=1e-12)
    assert ours["high"] == pytest.approx(theirs.high, abs=1e-12)


def test_the_numbers_of_digits_are_those_of_the_network(digits):
    written, text, net, data = digits
    quality = written.findings["quality"]
    assert quality["accuracy"]["value"] == net.accuracy(data)
    assert quality["loss"] == net.loss(data)
    said = net.predict(data)
    assert quality["confusion"][3][5] == int(((data.y == 3) & (said == 5)).sum())
    assert f"{percent(net.accuracy(data))} right" in text
    wrong = quality["wrong"]
    confidence = [one["confidence"] for one in wrong]
    assert confidence == sorted(confidence, reverse=True)
    assert all(said[one["row"]] == int(one["said"]) != data.y[one["row"]] for one in wrong)
    assert written.findings["training"]["history"]["n_train"] == 2700
    assert written.n_bytes < 2_500_000


def test_every_part_is_there_for_digits(digits):
    written, text = digits[:2]
    assert {"quality", "sure", "features", "health", "sample"} <= set(written.findings)
    for name in ("quality", "sure", "wrong", "neurons", "network", "training", "health", "method"):
        assert f'id="{name}"' in text
    assert text.count('class="portrait') == 14
    assert written.findings["sure"]["promises"] is None
    assert len(written.findings["sample"]) == 100


def test_the_sample_has_the_proportion_of_all():
    out = np.eye(2)[np.r_[np.zeros(930, int), np.ones(70, int)]]
    found = one_in_proportion(out, np.zeros(1000, int), ("a", "b"), np.arange(1000), 0, 100)
    assert sum(not one["right"] for one in found) == 7
    assert len({one["row"] for one in found}) == 100


def test_the_same_seed_gives_the_same_bytes_in_any_language(tmp_path):
    train, test = table(400).split(0.4)
    net = tt.Network([train.n_in, 4, train.n_out], output="softmax", loss="cross_entropy")
    net.gates = tt.honesty.gates(net, train, test)
    texts = []
    for seed, language in ((1, "en"), (1, "zh"), (2, "en")):
        use_language(language)
        try:
            written = report.write(net, test, tmp_path / "one.html", train=train, seed=seed)
            assert i18n_language() == language
        finally:
            use_language(None)
        texts.append(Path(written.path).read_bytes())
    assert texts[0] == texts[1]
    assert texts[0] != texts[2]


def test_gates_say_what_they_answer(tmp_path):
    """The first class is told from the others by one input, but for a few rows."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 3000)
    X = np.where(y == 1, 2.0, -2.0)[:, None] + rng.normal(size=(3000, 1))
    net = tt.Network([1, 2], output="softmax", loss="cross_entropy")
    net.layers[0].W = [[-2.0], [2.0]]
    net.gates = tt.honesty.gates(net, (X[:1000], y[:1000]), (X[1000:2000], y[1000:2000]))
    written = report.write(net, (X[2000:], y[2000:]), tmp_path / "gates.html")
    promises = written.findings["sure"]["promises"]
    one = promises[1]
    answers = net.predict(X[2000:], abstain="1%")
    said = np.asarray(answers.likeliest)[answers.answered]
    assert one["risk"] == 0.01
    assert one["answered"]["value"] == answers.answered.mean()
    assert one["wrong"]["value"] == (said != y[2000:][answers.answered]).mean()
    assert one["promise"]["kept"]
    text = Path(written.path).read_text("utf-8")
    assert percent(one["answered"]["value"]) in text
    assert ("cannot be promised" in text) == (not all(p["promise"]["kept"] for p in promises))


def test_a_table_has_its_columns(prices):
    written, text = prices
    found = written.findings
    assert [one["name"] for one in found["importance"]["features"]] == ["size", "town"]
    assert found["importance"]["features"][0]["low"] > 0
    assert {one["name"] for one in found["dependence"]} == {"size", "town"}
    target = found["quality"]["targets"][0]
    assert target["rmse"]["low"] < target["rmse"]["value"] < target["rmse"]["high"]
    assert 'id="columns"' in text
    assert "health" not in found
    assert 'id="health"' not in text


# ---------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.953, "95.3%"),
        (1, "100.0%"),
        (0.99997, "99.997%"),
        (0.00004, "0.004%"),
        (0, "0.0%"),
        (None, "–"),
    ],
)
def test_nothing_short_of_all_is_all(value, said):
    assert percent(value) == said


def test_words_are_escaped_and_filled_in_both_languages():
    one = both("report.of_name", name=Words("<b>", "&"))
    assert one.__html__() == (
        '<span class="en" lang="en"> (&lt;b&gt;)</span>'
        '<span class="zh" lang="zh-CN">（&amp;）</span>'
    )
    assert shortened("类别名称", 5) == "类别…"


# ---------------------------------------------------------------- in a browser

NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_the_buttons_save_what_is_found(hostile):
    """The script itself, with a stand-in for the page."""
    written = hostile[0]
    command = [NODE, Path(__file__).with_name("run_report.mjs"), written.path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    told = json.loads(done.stdout)
    assert (told["first"], told["then"], told["hash"]) == ("zh-CN", "en", "#en")
    assert told["label"] == told["expected"]
    assert "title-en" in told["title"]
    saved = told["saved"]
    assert json.loads(saved["tongtou-report.json"]) == written.findings
    table = saved["tongtou-quality-classes.csv"]
    assert table.startswith("\ufeff")
    rows = list(csv.DictReader(io.StringIO(table[1:], newline="")))
    classes = written.findings["quality"]["classes"]
    assert len(rows) == len(classes)
    for row, one in zip(rows, classes, strict=True):
        formula = one["class"].startswith("=")
        assert row["class"] == ("'" if formula else "") + one["class"]
        assert row["right.low"] == ("" if one["n"] == 0 else row["right.low"])
        assert one["n"] == 0 or float(row["right.low"]) == one["right"]["low"]
    assert any(one["class"].startswith("=") for one in classes)


CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --enable-logging=stderr --dump-dom"
)


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here")
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_hash_chooses_the_language(hostile, tmp_path, language):
    address = Path(hostile[0].path).as_uri() + f"#{language}:training"
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path}", address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert f'data-lang="{language}"' in done.stdout
    title = re.search("<title>(.*?)</title>", done.stdout)[1]
    assert ("的报告" in title) == (language == "zh")
    assert "Refused to" not in done.stderr
    assert "CONSOLE" not in done.stderr
