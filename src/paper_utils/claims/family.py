"""Several intervals at once: which verdicts of a chapter stand after Holm's adjustment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from paper_utils.claims.ledger import Claim, load_claims
from paper_utils.claims.recording import _recorded
from paper_utils.claims.verdict import Record, judge
from paper_utils.errors import UsageError
from paper_utils.statistics import holm

if TYPE_CHECKING:
    import pandas as pd

_ONE_SIDED = ("interval_above", "interval_below", "interval_excludes")
_LEVEL = 0.05


def p_values(claim: Claim, record: Record) -> dict[str, float]:
    """Return the two-sided p-value of each condition against the bound of the claim's rule.

    Read off the 95% interval: by Student's t where the record names its seeds, else by the normal
    distribution. A value without an interval, or with one of no width, is exact and has none.
    """
    several = isinstance(record.measured, Mapping)
    values = record.measured if several else {"": record.measured}
    pairs = (record.interval or {}) if several else {"": record.interval}
    target = claim.rule.get("value", claim.claimed)
    found = {
        name: interval_p(value, *(pairs.get(name) or (value, value)), target, len(record.seeds) - 1)
        for name, value in values.items()
    }
    return {name: p for name, p in found.items() if p is not None}


def interval_p(
    value: float, low: float, high: float, bound: float = 0.0, freedom: int = 0
) -> float | None:
    """Return the two-sided p-value of a value with a 95% interval against a bound, by the end that
    faces it: of Student's t where there are degrees of freedom, else normal. None without width.

    >>> round(interval_p(2.0, 0.0, 4.0), 3)
    0.05
    """
    from scipy import stats

    law = stats.t(freedom) if freedom > 0 else stats.norm()
    half = value - low if value > bound else high - value
    if half <= 0:
        return None
    return float(2 * law.sf(abs(value - bound) / (half / law.ppf(0.975))))


def several_tests(
    claims: Mapping[str, Claim] | None = None, records: Mapping[str, Record] | None = None
) -> pd.DataFrame:
    """Return, by claim, how many conditions its interval decides, and how many after Holm.

    The family are all conditions that this chapter has recorded for rules on one end of an
    interval; ``lost`` names those that no longer pass at 5%.
    """
    import pandas as pd

    claims, records = claims or load_claims(), _recorded if records is None else records
    tested = {
        (id, name): p
        for id, record in records.items()
        if claims[id].rule and claims[id].rule["kind"] in _ONE_SIDED
        for name, p in p_values(claims[id], record).items()
    }
    if not tested:
        raise UsageError("no claim recorded so far rests on one end of an interval")
    adjusted = dict(
        zip(tested, holm({str(key): p for key, p in tested.items()}).values(), strict=True)
    )
    rows = []
    for id in dict.fromkeys(id for id, _ in tested):
        mine = [name for other, name in tested if other == id]
        passed = [name for name in mine if _passes_alone(claims[id], records[id], name)]
        lost = [name for name in passed if adjusted[id, name] > _LEVEL]
        rows.append((id, len(mine), len(passed), len(passed) - len(lost), "; ".join(lost) or "–"))
    columns = ["claim", "conditions", "pass alone", "after Holm", "lost"]
    return pd.DataFrame(rows, columns=columns)


def _passes_alone(claim: Claim, record: Record, name: str) -> bool:
    several = isinstance(record.measured, Mapping)
    value = record.measured[name] if several else record.measured
    pair = record.interval[name] if several else record.interval
    one = Record(claim.id, value, pair, profile="default")
    return judge(claim, one).verdict == "holds"
