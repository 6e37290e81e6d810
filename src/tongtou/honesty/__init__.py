"""Honesty: calibrated confidence, and two kinds of "I don't know".

Ambiguous (拿不准): a 4 or a 9? Novel (没见过): no digit at all. ``net.gates = tt.honesty.gates(net,
data)`` learns when to say so, ``net.predict(X, abstain="1%")`` does. docs/explain.md says under
"Honesty" what each number is.
"""

from tongtou.honesty.answers import Answers, Verdict
from tongtou.honesty.binomial import upper_bound
from tongtou.honesty.calibrating import Calibration, calibration
from tongtou.honesty.density import Density
from tongtou.honesty.gating import Gates, gates, gates_of, split
from tongtou.honesty.non_digits import non_digits
from tongtou.honesty.risk import Curve, Promise, RiskCoverage, risk_coverage
from tongtou.honesty.strangers import test_sets
from tongtou.honesty.tabulating import Table, table

__all__ = [
    "Answers",
    "Calibration",
    "Curve",
    "Density",
    "Gates",
    "Promise",
    "RiskCoverage",
    "Table",
    "Verdict",
    "calibration",
    "gates",
    "gates_of",
    "non_digits",
    "risk_coverage",
    "split",
    "table",
    "test_sets",
    "upper_bound",
]
