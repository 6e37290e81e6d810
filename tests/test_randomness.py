"""Philox against its published vectors and a scalar oracle; orders as fair permutations."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from tongtou.randomness import (
    AUGMENTATION,
    DROPOUT,
    INITIAL_WEIGHTS,
    SHUFFLE,
    SPLIT,
    order,
    philox4x32,
    uniform,
    words,
)

# Known-answer vectors of Random123 (kat_vectors, philox4x32 10): counter, key, output.
VECTORS = [
    (
        "00000000 00000000 00000000 00000000",
        "00000000 00000000",
        "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    ),
    (
        "ffffffff ffffffff ffffffff ffffffff",
        "ffffffff ffffffff",
        "408f276d 41c83b0e a20bc7c6 6d5451fd",
    ),
    (
        "243f6a88 85a308d3 13198a2e 03707344",
        "a4093822 299f31d0",
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def hexadecimal(text: str) -> list[int]:
    return [int(word, 16) for word in text.split()]


def philox_scalar(counter: list[int], key: list[int]) -> list[int]:
    """Philox as in the paper's figure: two boxes side by side, then the halves change places."""
    left, right = (counter[0], counter[1]), (counter[2], counter[3])
    k0, k1 = key
    for r in range(10):
        high0, low0 = divmod(0xD2511F53 * left[0], 1 << 32)
        high1, low1 = divmod(0xCD9E8D57 * right[0], 1 << 32)
        round0 = (k0 + r * 0x9E3779B9) % (1 << 32)
        round1 = (k1 + r * 0xBB67AE85) % (1 << 32)
        left, right = (high1 ^ left[1] ^ round0, low1), (high0 ^ right[1] ^ round1, low0)
    return [*left, *right]


def word_scalar(seed: int, purpose: int, epoch: int, step: int, i: int) -> int:
    key = [seed % (1 << 32), seed // (1 << 32)]
    return philox_scalar([i // 4, step, epoch, purpose], key)[i % 4]


@pytest.mark.parametrize(("counter", "key", "output"), VECTORS)
def test_published_vectors(counter: str, key: str, output: str) -> None:
    c, k = hexadecimal(counter), hexadecimal(key)
    assert philox_scalar(c, k) == hexadecimal(output)
    drawn = philox4x32(np.array([c, c], np.uint32), np.array(k, np.uint32))
    assert drawn.dtype == np.uint32
    assert drawn.tolist() == [hexadecimal(output)] * 2


def test_many_counters_against_the_scalar_form() -> None:
    rng = np.random.default_rng(1)
    counter = rng.integers(0, 1 << 32, size=(50, 4), dtype=np.uint32)
    key = rng.integers(0, 1 << 32, size=2, dtype=np.uint32)
    expected = [philox_scalar(row, key.tolist()) for row in counter.tolist()]
    assert philox4x32(counter, key).tolist() == expected


def test_the_place_of_seed_purpose_epoch_step_and_item() -> None:
    seed, largest = 0x299F31D0A4093822, (1 << 32) - 1
    for purpose, epoch, step in [(DROPOUT, 7, 9), (AUGMENTATION, largest, 0), (SPLIT, 0, largest)]:
        drawn = words(seed, purpose, 11, epoch=epoch, step=step)
        assert drawn.dtype == np.uint32
        expected = [word_scalar(seed, purpose, epoch, step, i) for i in range(11)]
        assert drawn.tolist() == expected


def test_the_purposes_never_change() -> None:
    purposes = (INITIAL_WEIGHTS, SHUFFLE, SPLIT, DROPOUT, AUGMENTATION)
    assert purposes == (1, 2, 3, 4, 5)


def test_a_longer_stream_begins_with_the_shorter() -> None:
    long = words(3, SHUFFLE, 100, epoch=2)
    for n in (0, 1, 4, 5, 99):
        np.testing.assert_array_equal(words(3, SHUFFLE, n, epoch=2), long[:n])


def test_streams_differ() -> None:
    streams = [
        words(0, DROPOUT, 8),
        words(1, DROPOUT, 8),
        words(1 << 32, DROPOUT, 8),
        words(0, AUGMENTATION, 8),
        words(0, DROPOUT, 8, epoch=1),
        words(0, DROPOUT, 8, step=1),
    ]
    assert len({word for stream in streams for word in stream.tolist()}) == 48


def test_uniform_has_24_bits_and_is_exact_in_float32() -> None:
    u = uniform(5, DROPOUT, 100_000)
    assert u.dtype == np.float64
    assert u.min() >= 0
    assert u.max() < 1
    np.testing.assert_array_equal(u.astype(np.float32).astype(np.float64), u)
    np.testing.assert_array_equal(np.floor(u * 2**24), u * 2**24)
    assert u[6] == (word_scalar(5, DROPOUT, 0, 0, 6) >> 8) / 2**24


def test_uniform_is_uniform() -> None:
    n = 100_000
    u = uniform(5, DROPOUT, n)
    assert abs(u.mean() - 1 / 2) < 4 * np.sqrt(1 / 12 / n)
    expected = n / 64
    counts = np.histogram(u, bins=64, range=(0, 1))[0]
    chi2 = np.sum((counts - expected) ** 2) / expected
    assert 29.5 < chi2 < 113.5  # 63 degrees of freedom: 0.01 % on either side
    neighbours = np.corrcoef(u[:-1], u[1:])[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(n)


# Any host that draws other orders is wrong.
GOLDEN = [
    (0, 0, 10, SHUFFLE, [0, 1, 6, 8, 9, 2, 5, 7, 4, 3]),
    (0, 1, 10, SHUFFLE, [5, 8, 6, 1, 4, 9, 3, 0, 2, 7]),
    (2**64 - 1, 3, 10, SPLIT, [9, 5, 8, 2, 4, 1, 6, 7, 3, 0]),
]


@pytest.mark.parametrize(("seed", "epoch", "n", "purpose", "expected"), GOLDEN)
def test_golden_orders(seed: int, epoch: int, n: int, purpose: int, expected: list[int]) -> None:
    assert order(seed, epoch, n, purpose).tolist() == expected


@pytest.mark.parametrize("n", [0, 1, 2, 3, 17, 1000])
def test_order_against_the_scalar_oracle(n: int) -> None:
    """Drawing without replacement: place i gets one of the i+1 numbers still in the hat."""
    seed, epoch = 123456789012345, 4
    hat, expected = list(range(n)), [0] * n
    for i in reversed(range(n)):
        chosen = 0 if i == 0 else word_scalar(seed, SHUFFLE, epoch, 0, i) * (i + 1) // 2**32
        expected[i] = hat[chosen]
        hat[chosen] = hat[-1]
        hat.pop()
    perm = order(seed, epoch, n)
    assert perm.dtype == np.uint32
    assert perm.tolist() == expected
    assert sorted(expected) == list(range(n))


def test_order_is_deterministic_and_differs_by_epoch_seed_and_purpose() -> None:
    perm = order(7, 1, 100)
    np.testing.assert_array_equal(perm, order(7, 1, 100))
    for other in (order(7, 2, 100), order(8, 1, 100), order(7, 1, 100, purpose=SPLIT)):
        assert (perm != other).any()


def test_all_orders_are_equally_likely() -> None:
    n_draws = 4800
    counts = Counter(tuple(order(0, epoch, 4).tolist()) for epoch in range(n_draws))
    assert len(counts) == 24
    chi2 = sum((count - n_draws / 24) ** 2 for count in counts.values()) / (n_draws / 24)
    assert 5.7 < chi2 < 57.1  # 23 degrees of freedom: 0.01 % on either side


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0, "0", None, True])
def test_a_wrong_seed_is_refused(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed must be an integer 0 … 2\*\*64 - 1; it is"):
        uniform(seed, DROPOUT, 1)


def test_every_integer_type_is_a_seed() -> None:
    np.testing.assert_array_equal(order(np.uint8(7), 0, 9), order(7, 0, 9))


@pytest.mark.parametrize("wrong", [{"epoch": -1}, {"epoch": 2**32}, {"step": 2**32}, {"n": -1}])
def test_a_counter_word_that_does_not_fit_is_refused(wrong: dict[str, int]) -> None:
    arguments = {"n": 1, **wrong}
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be an integer 0 …"):
        words(0, DROPOUT, **arguments)


def test_more_examples_than_uint32_can_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"below 2\*\*32"):
        order(0, 0, 2**32)
