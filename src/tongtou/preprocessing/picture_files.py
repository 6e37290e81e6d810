"""A picture file of any kind → one row of X."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tongtou.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

SUFFIXES = (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".gif")
"""How the names of pictures end."""

# Decoders that nobody needs for photos and drawings are not offered to strangers' files.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_MOST_PIXELS = 64_000_000
_LONGEST_SIDE = 1 << 14
_MOST_VALUES = 1 << 26


@dataclass(frozen=True)
class PicturePreprocessing:
    """How picture files become rows of X; the same for those learnt from and for new ones.

    In this order: upright (EXIF), 8 bits a channel, laid on `background` where transparent, grey
    or RGB, resized (each new pixel is a mean of those it covers), inverted if so told.

    Parameters
    ----------
    size : (int, int)
        Height and width of every picture; (0, 0) takes them as they are.
    grey : bool
        One value a pixel, else three (red, green, blue).
    keep_aspect : bool
        Resized to fit into `size`, in its middle, with background on two sides; else stretched.
    invert : bool
        255 - value: dark ink on light paper becomes light on dark, as MNIST has it.
    background : int
        0 (black) … 255 (white), before inverting: what transparent pictures lie on and what fills
        the sides.

    Raises
    ------
    ValueError
        A size or a background that cannot be.

    Examples
    --------
    >>> PicturePreprocessing((28, 28)).n_in
    784
    """

    size: tuple[int, int]
    grey: bool = True
    keep_aspect: bool = True
    invert: bool = False
    background: int = 0

    def __post_init__(self) -> None:
        size = self.size
        if not (len(size) == 2 and all(0 <= n <= _LONGEST_SIDE for n in size)) or (0 in size) != (
            size == (0, 0)
        ):
            raise ValueError(
                f"size must be (height, width), each from 1 to {_LONGEST_SIDE}; it is {size!r}."
            )
        if self.n_in > _MOST_VALUES:
            raise ValueError(f"size {size!r} is more than {_MOST_VALUES:,} values a picture.")
        if not 0 <= self.background <= 255:
            raise ValueError(f"background must lie in 0 … 255; it is {self.background!r}.")

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one picture: (height, width), or (height, width, 3) in colour."""
        return tuple(self.size) if self.grey else (*self.size, 3)

    @property
    def n_in(self) -> int:
        """How many values one picture has."""
        return int(np.prod(self.shape))

    def transform(self, paths: str | os.PathLike[str] | Sequence[Any]) -> NDArray[np.uint8]:
        """Return X for one picture file, or for several.

        Parameters
        ----------
        paths : path, or sequence of paths

        Returns
        -------
        ndarray, shape (n, n_in), uint8

        Raises
        ------
        DataError
            A file cannot be read as a picture, or has another size and none was told.
        """
        several = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
        X = np.empty((len(several), self.n_in), np.uint8)
        for row, path in enumerate(several):
            X[row] = self.read(path).ravel()
        return X

    def read(self, path: str | os.PathLike[str]) -> NDArray[np.uint8]:
        """Return one picture as an array of `shape`; with size (0, 0), of its own shape."""
        from PIL import Image, UnidentifiedImageError

        with warnings.catch_warnings():
            # Pillow warns of pictures that it then reads: damaged EXIF, more pixels than usual.
            warnings.simplefilter("ignore")
            try:
                if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe would wait for a writer
                    raise DataError(f"{path}: expected a regular file. Take it away.")
                with open(path, "rb") as file:
                    image = Image.open(file, formats=_FORMATS)
                    width, height = image.size
                    if width * height > _MOST_PIXELS:
                        raise DataError(f"{path}: {_too_large(f'{width}×{height}')}")
                    if image.format == "JPEG" and self.size != (0, 0):
                        # A JPEG decodes straight to a half, a quarter or an eighth of its size.
                        image.draft(None, (4 * max(self.size),) * 2)
                    image.load()
                    return self._array(image, path)
            except DataError:
                raise
            except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
                raise DataError(f"{path}: {_too_large('far more')}") from error
            except UnidentifiedImageError as error:
                raise DataError(
                    f"{path}: expected a picture ({', '.join(_FORMATS)}), but its content is none "
                    "of these. Save it as PNG or JPEG, or take it out of the folder."
                ) from error
            except Exception as error:  # Pillow's decoders answer damage with a dozen kinds
                reason = getattr(error, "strerror", None) or str(error).split("\n")[0][:200]
                raise DataError(
                    f"{path}: expected a picture that can be read, but: {reason}. Save or fetch it "
                    "again, or take it out of the folder."
                ) from error

    def _array(self, image: PILImage, path: object) -> NDArray[np.uint8]:
        from PIL import Image, ImageOps

        if image.width == 0 or image.height == 0:
            raise DataError(f"{path}: expected at least one pixel. Give a picture.")
        image = ImageOps.exif_transpose(image)
        if image.mode.startswith("I"):
            # Pillow would cut off everything above 255.
            wide = np.asarray(image, np.int64).clip(0, 65535)
            image = Image.fromarray((wide // 257).astype(np.uint8))
        mode = "L" if self.grey else "RGB"
        if image.has_transparency_data:
            image = self._opaque(image.convert("RGBA"), path)
        image = image.convert(mode)
        paper = self.background if self.grey else (self.background,) * 3
        if self.size != (0, 0):
            to = (self.size[1], self.size[0])
            if self.keep_aspect:
                fitted = _fitted(image, to)
                image = Image.new(mode, to, paper)
                image.paste(fitted, ((to[0] - fitted.width) // 2, (to[1] - fitted.height) // 2))
            else:
                image = image.resize(to, Image.Resampling.BOX if _is_smaller(to, image) else
                                     Image.Resampling.BILINEAR)  # fmt: skip
        array = np.array(image, np.uint8)
        return np.uint8(255) - array if self.invert else array

    def _opaque(self, image: PILImage, path: object) -> PILImage:
        """Lay a transparent picture on the background; refuse it where nothing is to be seen."""
        from PIL import Image

        paper = Image.new("RGBA", image.size, (self.background,) * 3 + (255,))
        laid = Image.alpha_composite(paper, image).convert("RGB")
        low, high = image.getchannel("A").getextrema()
        if low != high and np.ptp(np.asarray(laid), axis=(0, 1)).max() == 0:
            raise DataError(
                f"{path}: the picture is transparent and its ink has the colour of the background "
                f"({self.background}), so that nothing is to be seen. Say background="
                f"{255 - self.background}."
            )
        return laid

    def describe(self) -> dict[str, Any]:
        """Return it as JSON has it; `from_description` brings it back."""
        return {
            "kind": "pictures",
            "size": list(self.size),
            "grey": self.grey,
            "keep_aspect": self.keep_aspect,
            "invert": self.invert,
            "background": self.background,
        }


def _is_smaller(to: tuple[int, int], image: PILImage) -> bool:
    return to[0] <= image.width and to[1] <= image.height


def _fitted(image: PILImage, to: tuple[int, int]) -> PILImage:
    """Return the picture in the largest size of its own aspect that fits into `to`."""
    from PIL import Image

    factor = min(to[0] / image.width, to[1] / image.height)
    size = (
        min(to[0], max(1, round(image.width * factor))),
        min(to[1], max(1, round(image.height * factor))),
    )
    smaller = _is_smaller(size, image)
    return image.resize(size, Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR)


def _too_large(size: str) -> str:
    return (
        f"expected a picture of at most {_MOST_PIXELS:,} pixels, it has {size}. Scale it down, or "
        "take it out of the folder."
    )
