"""The lab's server and export: what is found at its address, and that nothing else is."""

import gzip
import http.client
import json
import threading
from dataclasses import replace
from urllib.parse import urlsplit

import numpy as np
import pytest

import tongtou as tt
from tongtou.labserver import Lab, export, models
from tongtou.labserver.site import Site, built_page, media_type
from tongtou.recipes import recipe


@pytest.fixture
def page(tmp_path):
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>页面</title>", "utf-8")
    (folder / "assets" / "index-1a.js").write_text("export {}", "utf-8")
    for stale in ("data", "models"):
        (folder / stale).mkdir()
        (folder / stale / "left-over.bin").write_bytes(b"of development")
    return folder


@pytest.fixture
def site(page):
    return Site({"models.json": b"{}"}, page=page)


def get(url, name, method="GET", **headers):
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.putrequest(method, name, skip_host="Host" in headers)
    for header, value in headers.items():
        connection.putheader(header.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, dict(answer.headers), body


def test_the_slices_are_the_digits(site, mnist):
    listing = json.loads(site.content("data/digits.json"))
    for part, digits in (("train", mnist.train), ("test", mnist.test)):
        at = 0
        for one in listing[part]["slices"]:
            assert one["first"] == at
            at += one["n"]
        assert at == listing[part]["n"] == len(digits)
        first, second = listing[part]["slices"][:2]
        for one in (first, second):
            rows = slice(one["first"], one["first"] + one["n"])
            images = np.frombuffer(gzip.decompress(site.content(f"data/{one['images']}")), "u1")
            labels = np.frombuffer(gzip.decompress(site.content(f"data/{one['labels']}")), "u1")
            np.testing.assert_array_equal(images.reshape(-1, 784), digits.X[rows])
            np.testing.assert_array_equal(labels, digits.y[rows])


def test_a_page_in_development_leaves_nothing_behind(site):
    assert not [name for name in site.names if "left-over" in name]
    assert "assets/index-1a.js" in site.names
    assert "index.html" in site.names


def test_it_serves_its_names_and_nothing_else(site, page):
    with Lab(site) as lab:
        status, headers, body = get(lab.url, "/")
        assert status == 200
        assert body == (page / "index.html").read_bytes()
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Cache-Control"] == "no-cache"
        status, headers, _ = get(lab.url, "/assets/index-1a.js?x=1")
        assert status == 200
        assert headers["Content-Type"].startswith("text/javascript")
        assert "immutable" in headers["Cache-Control"]
        status, headers, body = get(lab.url, "/models/models.json", "HEAD")
        assert (status, body, headers["Content-Length"]) == (200, b"", "2")
        for name in ("/../page/index.html", "/%2e%2e/index.html", "//etc/passwd", "/nothing"):
            assert get(lab.url, name)[0] == 404, name


def test_what_has_not_changed_is_not_sent_again(site):
    with Lab(site) as lab:
        _, headers, _ = get(lab.url, "/")
        status, _, body = get(lab.url, "/", If_None_Match=headers["ETag"])
        assert (status, body) == (304, b"")
        assert get(lab.url, "/", If_None_Match='"another"')[0] == 200


def test_a_page_elsewhere_cannot_read_it(site):
    """A name of somebody else's that leads to 127.0.0.1 comes with that name as its host."""
    with Lab(site) as lab:
        port = urlsplit(lab.url).port
        assert get(lab.url, "/", Host=f"localhost:{port}")[0] == 200
        assert get(lab.url, "/", Host="lab.example:80")[0] == 421
        assert lab.url.startswith("http://127.0.0.1:")


def test_a_visitor_who_leaves_is_not_an_error(site, capfd, monkeypatch):
    """A browser that closes a page drops its requests; the terminal is not the place for that."""
    from tongtou.labserver import serving

    met = threading.Event()

    def leave(handler, with_body):
        met.set()
        raise BrokenPipeError

    monkeypatch.setattr(serving._Handler, "_answer", lambda self, *, with_body: leave(self, 0))
    with Lab(site) as lab:
        with pytest.raises(http.client.HTTPException):
            get(lab.url, "/")
        assert met.wait(5)
    assert capfd.readouterr().err == ""


def test_a_port_in_use_is_said(site):
    with (
        Lab(site) as lab,
        pytest.raises(tt.DataError, match=r"expected a free port.*choose another"),
    ):
        Lab(site, port=urlsplit(lab.url).port)
    with pytest.raises(tt.DataError, match="got 70000"):
        Lab(site, port=70000)


def test_without_a_built_page_it_says_how_to_get_one(monkeypatch, tmp_path):
    import tongtou.labserver as package
    from tongtou.labserver import site as module

    monkeypatch.setattr(package, "__path__", [str(tmp_path)])
    monkeypatch.setattr(module, "__file__", str(tmp_path / "a" / "b" / "c" / "site.py"))
    with pytest.raises(tt.DataError, match="make lab"):
        built_page()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("assets/k.wasm", "application/wasm"),
        ("a.css", "text/css; charset=utf-8"),
        ("data/x.gz", "application/octet-stream"),
    ],
)
def test_browsers_are_told_what_a_file_is(name, kind):
    assert media_type(name) == kind


def test_a_missing_page_or_a_wrong_folder_is_said_before_anything_is_trained(
    monkeypatch, tmp_path, page
):
    def train(net, *, tell):
        raise AssertionError("trained first")

    monkeypatch.setattr("tongtou.labserver.model_files", train)
    monkeypatch.setattr("tongtou.labserver.site.built_page", lambda: page)
    (tmp_path / "thesis.tex").write_text("years of work", "utf-8")
    with pytest.raises(tt.DataError, match="name another folder"):
        export(tmp_path)

    def no_page():
        raise tt.DataError("never built")

    monkeypatch.setattr("tongtou.labserver.site.built_page", no_page)
    for call in (lambda: tt.lab(browser=False), lambda: export(tmp_path / "new")):
        with pytest.raises(tt.DataError, match="never built"):
            call()


# Models ------------------------------------------------------------------------------------------


@pytest.fixture
def lesson_only(monkeypatch, tmp_path):
    """Models of the lab without the honest one, which takes long to train; a cache of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(models, "_RECIPES", {"plain": "lesson"})
    short = replace(recipe("lesson"), epochs=3)
    monkeypatch.setattr(models, "recipe", lambda name: short)


def test_a_model_is_trained_once_and_kept(lesson_only, tmp_path):
    told = []
    first = models.model_files(tell=told.append)
    again = models.model_files(tell=told.append)
    assert told == ["plain"]
    assert first == again
    (kept,) = (tmp_path / "cache" / "tongtou").glob("plain-*.safetensors")
    kept.write_bytes(b"damaged")
    repaired = models.model_files(tell=told.append)
    assert told == ["plain", "plain"]
    assert repaired["models.json"] == first["models.json"]
    assert kept.read_bytes() == repaired["plain.safetensors"]


def test_the_first_digit_wavers(lesson_only, tmp_path, mnist):
    files = models.model_files()
    (tmp_path / "plain.safetensors").write_bytes(files["plain.safetensors"])
    net = tt.load(tmp_path / "plain.safetensors")
    first = json.loads(files["models.json"])["first"]
    outputs = net.predict_proba(mnist.test.X[first["index"]])
    assert np.argsort(-outputs)[:2].tolist() == first["answers"]
    assert outputs[first["answers"][0]] - outputs[first["answers"][1]] <= 0.1
    assert first["pixels"] == mnist.test.X[first["index"]].tolist()
    assert first["label"] in first["answers"]


def test_a_network_of_something_else_is_refused():
    with pytest.raises(tt.DataError, match=r"784 inputs and 10 outputs, got 4 and 3.*report"):
        models.model_files(tt.Network([4, 3]))


# Export ------------------------------------------------------------------------------------------


@pytest.fixture
def exporting(monkeypatch, page):
    monkeypatch.setattr("tongtou.labserver.site.built_page", lambda: page)
    few = {"train": (0, 100, 300), "test": (0, 100)}
    monkeypatch.setattr("tongtou.labserver.site._SLICES", few)
    files = {"models.json": b"{}"}
    monkeypatch.setattr("tongtou.labserver.model_files", lambda net, *, tell: files)


def test_an_export_holds_every_file_and_replaces_an_earlier_one(exporting, tmp_path, page):
    folder = tmp_path / "site"
    names = export(folder)
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == {*names, "tongtou-lab.json"}
    (page / "assets" / "index-1a.js").rename(page / "assets" / "index-2b.js")
    (folder / "mine.txt").write_text("kept", "utf-8")
    export(folder)
    assert not (folder / "assets" / "index-1a.js").exists()
    assert (folder / "assets" / "index-2b.js").exists()
    assert (folder / "mine.txt").read_text("utf-8") == "kept"


def test_an_export_touches_no_folder_of_somebody_else(exporting, tmp_path):
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "chapter1.tex").write_text("years of work", "utf-8")
    with pytest.raises(tt.DataError, match="name another folder"):
        export(folder)
    (folder / "tongtou-lab.json").write_text('{"files": ["../page/index.html"]}', "utf-8")
    export(folder)
    assert (tmp_path / "page" / "index.html").exists()
    file = tmp_path / "file"
    file.write_text("x", "utf-8")
    with pytest.raises(tt.DataError, match="is a file"):
        export(file)
