"""Half-widths from standard errors: Student's t, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from paper_utils.claims.half_widths import se_half
from paper_utils.errors import UsageError
from paper_utils.statistics import t_interval


def test_half_of_the_interval_of_a_mean_is_that_of_the_t_test():
    values = np.array([0.3, 0.1, 0.4, 0.2, 0.6])
    found = t_interval(values)
    se = values.std(ddof=1) / np.sqrt(len(values))
    assert se_half(se, len(values)) == pytest.approx(found.high - found.mean)


def test_many_items_are_as_good_as_normal_and_each_has_its_own():
    assert se_half(np.ones(2), [10**6, 3]) == pytest.approx([1.96, 4.303], abs=1e-3)


@pytest.mark.parametrize("n", [1, [5, 1], []])
def test_too_few_items(n):
    with pytest.raises(UsageError, match="at least 2 items"):
        se_half(0.1, n)
