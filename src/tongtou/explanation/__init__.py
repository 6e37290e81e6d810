"""Explanations: where every number comes from, why this answer and not that, what would change it.

Everything here is plain data first: ``to_dict()`` is ready for JSON, and docs/explain.md says what
each quantity is.
"""

from tongtou.explanation.chain import backprop
from tongtou.explanation.comparing import compare
from tongtou.explanation.origins import provenance
from tongtou.explanation.removals import removal
from tongtou.explanation.trace import Explanation, explain

__all__ = ["Explanation", "backprop", "compare", "explain", "provenance", "removal"]
