"""What the lab consists of: a name below its address, and the bytes that are found there.

The page is built by `make lab`; digits and models come from the package itself. Nothing else
can be asked for, because a name is looked up here and is never a path on the disk.
"""

from __future__ import annotations

import gzip
import json
import mimetypes
import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from itertools import pairwise
from pathlib import Path

from tongtou.datasets import Dataset, mnist
from tongtou.errors import DataError

PAGE = "index.html"
_SLICES = {"train": (0, 2000, *range(10_000, 60_001, 10_000)), "test": (0, 2000, 10_000)}
"""Where the digits are cut: a first piece small enough to begin with while the rest arrives."""


class Site:
    """The files of the lab by their names, each made when it is first asked for.

    Parameters
    ----------
    models : mapping of str to bytes
        The folder models/: what `tongtou.labserver.models.model_files` returns.
    compression : int
        Of the digits, 1 (quick) … 9 (small).
    page : Path, optional
        The folder of the built page; that of this installation by default.

    Raises
    ------
    DataError
        This installation has no built page; the message says how to get one.
    """

    def __init__(
        self, models: Mapping[str, bytes], *, compression: int = 1, page: Path | None = None
    ) -> None:
        self._compression = compression
        self._lock = threading.Lock()
        self._ready = {f"models/{name}": content for name, content in models.items()}
        self._makers: dict[str, Callable[[], bytes]] = {}
        folder = page or built_page()
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not name.startswith(("data/", "models/")):
                self._makers[name] = path.read_bytes
        self._add_digits()

    @property
    def names(self) -> list[str]:
        """Every name that leads to something, sorted."""
        return sorted({*self._ready, *self._makers})

    def content(self, name: str) -> bytes | None:
        """Return the bytes under a name, or None where there is nothing."""
        with self._lock:  # a browser asks for many at once, and each is to be made once
            if name not in self._ready:
                make = self._makers.get(name)
                if make is None:
                    return None
                self._ready[name] = make()
            return self._ready[name]

    @cached_property
    def _mnist(self) -> dict[str, Dataset]:
        digits = mnist()
        return {"train": digits.train, "test": digits.test}

    def _add_digits(self) -> None:
        contents: dict[str, object] = {}
        for part, cuts in _SLICES.items():
            slices = []
            for number, (first, end) in enumerate(pairwise(cuts)):
                images = f"{part}-images-{number:02}.gz"
                labels = f"{part}-labels-{number:02}.gz"
                self._makers[f"data/{images}"] = self._packer(part, "X", first, end)
                self._makers[f"data/{labels}"] = self._packer(part, "y", first, end)
                slices.append(
                    {"images": images, "labels": labels, "first": first, "n": end - first}
                )
            contents[part] = {"n": cuts[-1], "slices": slices}
        # Browsers keep the digits under this name; another cut must not meet what they kept.
        contents["fingerprint"] = "mnist-1"
        self._ready["data/digits.json"] = json.dumps(contents, indent=1).encode()

    def _packer(self, part: str, array: str, first: int, end: int) -> Callable[[], bytes]:
        def pack() -> bytes:
            rows = getattr(self._mnist[part], array)[first:end]
            return gzip.compress(rows.astype("uint8").tobytes(), self._compression, mtime=0)

        return pack


def built_page() -> Path:
    """Return the folder of the built page: of the checkout it is installed from, or in the package.

    Raises
    ------
    DataError
        It was never built.
    """
    here = Path(__file__).resolve()
    import tongtou.labserver as package

    # A checkout's own page first: what was installed beside it may be older.
    places = [here.parents[3] / "lab" / "dist"]
    places += [Path(place) / "page" for place in package.__path__]
    for place in places:
        if (place / PAGE).is_file():
            return place
    raise DataError(
        "expected the lab's page in this installation, but it was never built; run `make lab` in a "
        "checkout of Tongtou (it needs Node.js 20.19 or later), or install a wheel that has it"
    )


def media_type(name: str) -> str:
    """Return what a browser is told that a file is; never left to what the machine has set up."""
    own = {".js": "text/javascript", ".wasm": "application/wasm", ".html": "text/html"}
    own |= {".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}
    own |= {".safetensors": "application/octet-stream", ".gz": "application/octet-stream"}
    suffix = Path(name).suffix
    kind = own.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith("text/") else kind
