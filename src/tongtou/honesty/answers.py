"""An answer, or which of the two kinds of "I don't know"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tongtou.boundary import as_array, checked_inputs
from tongtou.datasets.dataset import Dataset
from tongtou.honesty.confidence import check_classifier, logits, probabilities
from tongtou.honesty.gating import CHECKS, Gates
from tongtou.honesty.risk import Promise
from tongtou.i18n import text
from tongtou.network import Network

ANSWERED, AMBIGUOUS, NOVEL = "answered", "ambiguous", "novel"


@dataclass(frozen=True)
class Verdict:
    """What is said of one example.

    Attributes
    ----------
    verdict : str
        "answered", "ambiguous" (拿不准) or "novel" (没见过).
    answer : class name or None
        None where it is not answered.
    likeliest, next : class names
        The classes of the two largest outputs, answered or not.
    confidence, next_confidence : float
        Calibrated: softmax of the weighted sums over the temperature.
    score : float
        The log odds of the likeliest class, at the rank temperature: what the threshold is held
        against.
    novelty : float
        By how many times the worst check is exceeded; above 1 is novel.
    check : str
        Which check that is: "input", "z1" or "outputs".
    digits : bool
        Whether it is about digits, or about other examples.
    """

    verdict: str
    answer: Any
    likeliest: Any
    next: Any
    confidence: float
    next_confidence: float
    score: float
    novelty: float
    check: str
    digits: bool = True

    def words(self) -> str:
        """Return the answer, or the verdict in a sentence, in the language in use."""
        if self.verdict == NOVEL:
            return text("honesty.novel" if self.digits else "honesty.novel_row")
        if self.verdict == AMBIGUOUS:
            return text("honesty.ambiguous", a=self.likeliest, b=self.next)
        return str(self.answer)

    def to_dict(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {
            "verdict": self.verdict,
            "words": self.words(),
            "answer": self.answer,
            "likeliest": self.likeliest,
            "next": self.next,
            "confidence": self.confidence,
            "next_confidence": self.next_confidence,
            "score": self.score,
            "novelty": self.novelty,
            "check": self.check,
        }

    def __str__(self) -> str:
        return self.words()


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers to several examples; ``np.asarray(answers)`` has None where there is none.

    Attributes
    ----------
    promise : Promise
        The risk that was asked for, and whether it can be promised.
    names : ndarray, shape (n_classes,)
        What classes are called.
    verdicts : ndarray of str, shape (n,)
        "answered", "ambiguous" (拿不准) or "novel" (没见过).
    likeliest, next : ndarray of int, shape (n,)
        Numbers of the classes of the two largest outputs.
    probabilities : ndarray of float64, shape (n, n_classes)
        Calibrated confidences; they sum to 1.
    score : ndarray of float64, shape (n,)
    novelty : ndarray of float64, shape (n, 3)
        By how many times each check is exceeded, in the order input, z1, outputs.
    """

    promise: Promise
    names: NDArray[Any]
    verdicts: NDArray[Any]
    likeliest: NDArray[np.int64]
    next: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    score: NDArray[np.float64]
    novelty: NDArray[np.float64]
    digits: bool

    @property
    def answered(self) -> NDArray[np.bool_]:
        """Which examples are answered, (n,)."""
        return np.asarray(self.verdicts == ANSWERED)

    @property
    def coverage(self) -> float:
        """The share that is answered; 0 where there is no example."""
        return float(self.answered.mean()) if len(self) else 0.0

    def share(self, verdict: str) -> float:
        """Return the share of one verdict."""
        return float((self.verdicts == verdict).mean()) if len(self) else 0.0

    def __len__(self) -> int:
        return len(self.verdicts)

    def __getitem__(self, row: int) -> Verdict:
        a, b = int(self.likeliest[row]), int(self.next[row])
        verdict = str(self.verdicts[row])
        check = int(self.novelty[row].argmax())
        name, other = (_plain(self.names[one]) for one in (a, b))
        return Verdict(
            verdict,
            name if verdict == ANSWERED else None,
            name,
            other,
            float(self.probabilities[row, a]),
            float(self.probabilities[row, b]),
            float(self.score[row]),
            float(self.novelty[row, check]),
            CHECKS[check],
            self.digits,
        )

    def __iter__(self) -> Iterator[Verdict]:
        return (self[row] for row in range(len(self)))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        said = np.array([_plain(one) for one in self.names], object)[self.likeliest]
        said[~self.answered] = None
        return said if dtype is None else said.astype(dtype)

    def words(self) -> list[str]:
        """Return what is said of each example, in the language in use."""
        return [one.words() for one in self]

    def to_dict(self) -> dict[str, Any]:
        """Return them ready for JSON."""
        return {
            "promise": self.promise.to_dict(),
            "n": len(self),
            "answered": self.share(ANSWERED),
            "ambiguous": self.share(AMBIGUOUS),
            "novel": self.share(NOVEL),
            "verdicts": [one.to_dict() for one in self],
        }

    def __repr__(self) -> str:
        shares = ", ".join(f"{self.share(one):.1%} {one}" for one in (ANSWERED, AMBIGUOUS, NOVEL))
        return f"Answers({len(self)}: {shares})"


def answers(net: Network, found: Gates, X: ArrayLike | Dataset, risk: str | float) -> Answers:
    """Return the answers of a network behind its gates.

    First novelty: what is not like the examples learnt from has no right answer. Then ambiguity:
    answered is what scores above the threshold of the promise; nothing where there is none.
    """
    check_classifier(net)
    promise = found.promise(risk)
    found.check_belongs(net)
    array = as_array(X)
    inputs = checked_inputs(array.reshape(1, -1) if array.ndim == 1 else array, net.blueprint)
    z = logits(net, inputs)
    score, _ = found.peaks(z)
    novelty = found.excesses(net, inputs, z)
    verdicts = np.full(len(z), AMBIGUOUS, dtype="<U9")
    if promise.threshold is not None:
        verdicts[score.astype(np.float32) > np.float32(promise.threshold)] = ANSWERED
    verdicts[(novelty > 1).any(axis=1)] = NOVEL
    order = np.argsort(-z, axis=1, kind="stable")
    names = np.asarray(net.classes) if net.classes else np.arange(z.shape[1])
    return Answers(
        promise,
        names,
        verdicts,
        order[:, 0],
        order[:, 1],
        probabilities(z, found.temperature),
        score,
        novelty,
        digits=about_digits(net),
    )


def about_digits(net: Network) -> bool:
    """Whether the classes are the ten digits and the inputs pixels."""
    return [str(one) for one in net.classes] == list("0123456789") and len(net.input_shape) >= 2


def _plain(name: Any) -> Any:
    return name.item() if isinstance(name, np.generic) else name
