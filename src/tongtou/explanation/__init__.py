"""Explanations: where every number comes from, why this answer and not that, what would change it.

Everything here is plain data first: ``to_dict()`` is ready for JSON, and docs/explain.md says what
each quantity is.
"""

from tongtou.explanation.chain import backprop
from tongtou.explanation.comparing import compare
from tongtou.explanation.dependence import partial_dependence
from tongtou.explanation.examination import health
from tongtou.explanation.handmade import edge_lesson, edge_neuron
from tongtou.explanation.importance import permutation_importance
from tongtou.explanation.origins import provenance
from tongtou.explanation.removals import removal
from tongtou.explanation.residuals import worst_residuals
from tongtou.explanation.seeing import Features, features
from tongtou.explanation.trace import Explanation, explain

__all__ = [
    "Explanation",
    "Features",
    "backprop",
    "compare",
    "edge_lesson",
    "edge_neuron",
    "explain",
    "features",
    "health",
    "partial_dependence",
    "permutation_importance",
    "provenance",
    "removal",
    "worst_residuals",
]
