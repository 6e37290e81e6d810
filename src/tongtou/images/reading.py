"""Any source of a picture → one grey plane, upright, opaque and of a sensible size."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from tongtou.errors import DataError, MissingExtraError
from tongtou.images.planes import Plane

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

# Decoders that nobody needs for a digit are not offered to strangers' files.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF")
_MOST_PIXELS = 64_000_000
_LONGEST_SIDE = 1000  # a digit of 3 % of a photo's height keeps more pixels than MNIST has

# EXIF orientations: what is mirrored left-right and top-bottom, after the axes are swapped (5 … 8).
_MIRRORED_X = (2, 3, 6, 7)
_MIRRORED_Y = (3, 4, 7, 8)


class Picture(NamedTuple):
    """A grey plane, and the size of the upright picture it was made from."""

    name: str  # what to call it in messages
    grey: Plane  # (height, width), 0 black … 1 white
    size: tuple[int, int]  # (width, height) in pixels of the source


def read_picture(source: Any) -> Picture:
    """Read a path, bytes, an open file, a PIL image or an array as a grey plane.

    Raises
    ------
    DataError
        The source cannot be read as a picture.
    MissingExtraError
        Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError(
            "reading pictures needs Pillow, which is not installed; run: pip install pillow"
        ) from error

    if isinstance(source, Image.Image):
        return _from_image(source, "the picture")
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _from_file(io.BytesIO(source), "the picture")
    if hasattr(source, "read"):
        return _from_file(source, str(getattr(source, "name", "the picture")))
    if isinstance(source, (str, os.PathLike)):
        try:
            with open(source, "rb") as file:
                return _from_file(file, str(source))
        except DataError:
            raise
        except (OSError, ValueError) as error:  # ValueError: a null character in the name
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"{source}: expected a picture that can be read, but: {reason}. Check the path."
            ) from error
    return _from_image(_image_of_array(source), "the array")


def _from_file(file: Any, name: str) -> Picture:
    from PIL import Image

    # Pillow's decoders answer damaged files with a dozen kinds of exceptions.
    try:
        image = Image.open(file, formats=_FORMATS)
    except Exception as error:
        if "DecompressionBomb" in type(error).__name__:
            raise DataError(f"{name}: {_too_large('more pixels')}") from error
        raise DataError(
            f"{name}: expected a picture ({', '.join(_FORMATS)}), but its content is none of "
            "these. Save it as PNG or JPEG."
        ) from error
    width, height = image.size
    if width * height > _MOST_PIXELS:
        raise DataError(f"{name}: {_too_large(f'{width}×{height}')}")
    # A JPEG decodes straight to grey and to a half, a quarter or an eighth of its size.
    image.draft("L", (_LONGEST_SIDE, _LONGEST_SIDE))
    try:
        image.load()
    except Exception as error:
        raise DataError(
            f"{name}: the {image.format} picture is damaged or cut off ({error}). "
            "Save or fetch it again."
        ) from error
    return _from_image(image, name, (width, height))


def _too_large(size: str) -> str:
    return (
        f"expected a picture of at most {_MOST_PIXELS:,} pixels, it has {size}. "
        "Scale it down or cut the digit out."
    )


def _from_image(image: PILImage, name: str, size: tuple[int, int] | None = None) -> Picture:
    """Make `image`, decoded from a picture of `size`, upright, smaller, grey and opaque."""
    width, height = size or image.size
    if image.width == 0 or image.height == 0:
        raise DataError(f"{name} is empty: expected at least one pixel. Give a picture.")
    if image.width * image.height > _MOST_PIXELS:
        raise DataError(f"{name}: {_too_large(f'{width}×{height}')}")
    try:
        orientation = image.getexif().get(0x0112, 1)
        if image.mode.startswith("I;16") or image.mode == "I":
            image = _from_16_bits(image)
        image = image.convert("RGBA" if image.has_transparency_data else "L")
        shrink = _LONGEST_SIDE / max(image.size)
        if shrink < 1:
            small = (max(1, round(image.width * shrink)), max(1, round(image.height * shrink)))
            image = image.resize(small, reducing_gap=2.0)
        alpha = _plane(image.getchannel("A")) if image.mode == "RGBA" else None
        plane = _plane(image.convert("L"))
    except Exception as error:
        raise DataError(
            f"{name}: expected a picture that can be decoded, but: {error}. Save it as PNG or JPEG."
        ) from error
    if alpha is not None:
        plane = _opaque(plane, alpha, name)

    if orientation in (5, 6, 7, 8):
        plane, width, height = plane.T, height, width
    if orientation in _MIRRORED_X:
        plane = plane[:, ::-1]
    if orientation in _MIRRORED_Y:
        plane = plane[::-1]
    return Picture(name, np.ascontiguousarray(plane), (width, height))


def _plane(image: PILImage) -> Plane:
    return np.asarray(image, np.float32) / np.float32(255)


def _from_16_bits(image: PILImage) -> PILImage:
    """Pillow would cut off everything above 255."""
    from PIL import Image

    return Image.fromarray((np.asarray(image, np.int64).clip(0, 65535) // 257).astype(np.uint8))


def _opaque(plane: Plane, alpha: Plane, name: str) -> Plane:
    """Lay a transparent picture on paper on which its ink shows.

    Where ink alone is visible, dark or light, the paper has the opposite brightness. Where paper
    is visible too (most of the picture, or two clearly different brightnesses), it is continued.
    """
    if alpha.min() == 1:
        return plane
    if alpha.max() < 0.1:
        raise DataError(
            f"{name}: expected a digit, but the picture is transparent throughout. "
            "Export it with its drawing layer."
        )
    visible = alpha > alpha.max() / 2
    middle = float(np.median(plane[visible]))
    darkest, lightest = np.percentile(plane[visible], (0.5, 99.5))
    has_paper = visible.mean() > 0.5 or lightest - darkest > 0.35
    paper = middle if has_paper else float(middle < 0.5)
    opaque: Plane = alpha * plane + (1 - alpha) * np.float32(paper)
    return opaque


def _image_of_array(source: Any) -> PILImage:
    from PIL import Image

    try:
        array = np.asarray(source)
    except Exception as error:
        raise DataError(
            f"expected a path, bytes, a PIL image or an array; {type(source).__name__} is none of "
            f"them ({error}). Give the path of a picture or its array."
        ) from error
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (2, 3, 4))):
        raise DataError(
            "expected an array of shape (height, width), or (height, width, channels) with 2 (grey "
            f"and alpha), 3 (RGB) or 4 (RGBA) channels; its shape is {array.shape}. For one row of "
            "MNIST: row.reshape(28, 28)."
        )
    if array.size == 0:
        raise DataError(
            f"the array is empty, of shape {array.shape}; expected at least one pixel. "
            "Give a picture."
        )
    if array.dtype.kind == "b":
        values = array * np.uint8(255)
    elif array.dtype.kind in "iu":
        low, high = int(array.min()), int(array.max())
        if low < 0 or high > 255:
            raise DataError(
                f"an array of integers must hold 0 … 255; it holds {low} … {high}. "
                "Scale it (16 bits: array // 257)."
            )
        values = array.astype(np.uint8)
    elif array.dtype.kind == "f":
        least, most = float(array.min()), float(array.max())
        if not (least >= -1e-3 and most <= 1 + 1e-3):  # so written, NaN is refused too
            raise DataError(
                f"an array of floats must hold 0 … 1 and no NaN; it holds {least:g} … {most:g}. "
                "Scale it (0 … 255: array / 255) or fill what is missing."
            )
        values = np.rint(array.clip(0, 1) * 255).astype(np.uint8)
    else:
        raise DataError(
            f"expected an array of uint8, floats from 0 to 1 or bool; its dtype is {array.dtype}. "
            "Convert it, or give the path of a picture."
        )
    return Image.fromarray(np.ascontiguousarray(values))
