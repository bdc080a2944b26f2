"""Measurements as JSON holds them, and as a reader sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from paper_utils.errors import UsageError


def plain(value: Any) -> Any:
    """Return `value` with NumPy scalars and arrays as Python numbers and lists; NaN is an error.

    >>> import numpy as np
    >>> plain({"a": np.float64(0.5), "b": np.arange(2)})
    {'a': 0.5, 'b': [0, 1]}
    """
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        if math.isnan(number):
            raise UsageError("NaN is not a measurement")
        return number
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [plain(item) for item in value]
    raise UsageError(f"cannot keep a {type(value).__name__}: give numbers, text, lists or mappings")


def format_value(value: Any) -> str:
    """Return a measurement as short text: four significant digits, ranges as [a, b].

    >>> format_value(0.123456), format_value([1, 2.5]), format_value({"a": 1, "b": 2})
    ('0.1235', '[1, 2.5]', 'a: 1; b: 2')
    >>> format_value(1035)
    '1,035'
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}"
    if isinstance(value, Real):
        return f"{float(value):,.4g}"
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {format_value(item)}" for key, item in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(format_value(item) for item in value) + "]"
    return str(value)
