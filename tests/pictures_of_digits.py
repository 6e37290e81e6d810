"""Digits as people hand them in: enlarged, moved, on all kinds of paper, drawn."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def as_bytes(array):
    """0 … 1 as uint8."""
    return (np.clip(array, 0, 1) * 255).round().astype(np.uint8)


def encode(array, form, **options):
    file = io.BytesIO()
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(file, form, **options)
    return file.getvalue()


def paste(digit, rng):
    """Ink 0 … 1: the digit enlarged 3 to 8 times, somewhere on a sheet of another format."""
    side = int(rng.integers(80, 221))
    large = Image.fromarray(digit.reshape(28, 28)).resize((side, side), Image.Resampling.BICUBIC)
    width, height = (int(side * rng.uniform(1.05, 1.8)) for _ in range(2))
    sheet = Image.new("L", (width, height))
    sheet.paste(large, [int(rng.integers(0, room - side + 1)) for room in (width, height)])
    return np.asarray(sheet, np.float32) / 255


def shade(shape, rng):
    """A strong slope of light in any direction, and darker corners."""
    y, x = (np.linspace(-0.5, 0.5, n, dtype=np.float32) for n in shape)
    turn = rng.uniform(0, 2 * np.pi)
    slope = np.cos(turn) * x + np.sin(turn) * y[:, None]
    corners = x**2 + y[:, None] ** 2
    return np.clip(1 - 0.55 * (slope + 0.5) - 0.6 * rng.uniform(0, 1) * corners, 0.2, 1)


def rule(shape, rng, squared):
    """Lines 0 … 1, up to 2 degrees off the horizontal; with `squared` upright ones too."""
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    turn = np.deg2rad(rng.uniform(-2, 2))
    distance, thickness = rng.uniform(22, 60), rng.uniform(1, 2.2)

    def family(across):
        off = np.abs((across + rng.uniform(0, distance)) % distance - distance / 2)
        return np.clip(thickness / 2 + 0.5 - off, 0, 1)

    lines = family(y * np.cos(turn) + x * np.sin(turn))
    return np.maximum(lines, family(x * np.cos(turn) - y * np.sin(turn))) if squared else lines


def clean(ink, rng):
    return as_bytes(1 - ink * rng.uniform(0.7, 1))


def inverted(ink, rng):
    return as_bytes(0.05 + ink * rng.uniform(0.6, 0.95))


def textured(ink, rng):
    grain = rng.standard_normal(ink.shape).astype(np.float32)
    small = rng.standard_normal([n // 6 + 1 for n in ink.shape]).astype(np.float32)
    fibres = Image.fromarray(small).resize(ink.shape[::-1], Image.Resampling.BICUBIC)
    return as_bytes((0.85 + 0.05 * grain + 0.04 * np.asarray(fibres)) * (1 - 0.75 * ink))


def shaded(ink, rng):
    return as_bytes(0.95 * shade(ink.shape, rng) * (1 - 0.75 * ink))


def lined(ink, rng):
    lines = rule(ink.shape, rng, False) * rng.uniform(0.2, 0.45)
    return as_bytes(0.95 * (1 - np.maximum(0.8 * ink, lines)))


def squared(ink, rng):
    lines = rule(ink.shape, rng, True) * rng.uniform(0.2, 0.45)
    return as_bytes(0.95 * (1 - np.maximum(0.8 * ink, lines)))


def jpeg(ink, rng):
    return encode(clean(ink, rng), "JPEG", quality=40)


def webp(ink, rng):
    return encode(clean(ink, rng), "WEBP", quality=40)


def transparent(ink, rng):
    """The ink alone, black or white, on nothing."""
    pixels = np.zeros((*ink.shape, 4), np.uint8)
    pixels[..., :3] = rng.choice([0, 255])
    pixels[..., 3] = as_bytes(ink)
    return encode(pixels, "PNG")


def photo(ink, rng):
    """All at once, in colour, out of focus, with a camera's noise, as JPEG."""
    lines = rule(ink.shape, rng, rng.random() < 0.5) * rng.uniform(0.15, 0.35)
    paper = 0.92 * shade(ink.shape, rng) * (1 - np.maximum(0.75 * ink, lines))
    paper += 0.03 * rng.standard_normal(ink.shape)
    image = Image.fromarray(as_bytes(np.stack([paper, 0.97 * paper, 0.88 * paper], axis=-1)))
    image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 1.5)))
    return encode(image, "JPEG", quality=int(rng.integers(40, 80)))


VARIANTS = (
    clean, inverted, textured, shaded, lined, squared, jpeg, webp, transparent, photo
)  # fmt: skip


def draw(*strokes, size=(240, 300), width=14):
    """Ink 0 … 1: lines through points."""
    image = Image.new("L", size)
    for points in strokes:
        ImageDraw.Draw(image).line(points, fill=255, width=width, joint="curve")
    return np.asarray(image, np.float32) / 255


SEVEN = [(80, 70), (170, 70), (110, 230)]
TOP, BOTTOM, LEFT, RIGHT = 63, 234, 80, 175  # where its ink ends, to a few pixels
BOX = (LEFT, TOP, RIGHT, BOTTOM)


def same_box(box, expected, within):
    return np.abs(np.subtract(box, expected)).max() <= within
