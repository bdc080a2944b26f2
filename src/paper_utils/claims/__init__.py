"""The ledger of claims: what was claimed, what was measured, and the verdict.

`book/claims.yml` lists the claims. A chapter calls :func:`record`; the record travels inside the
executed notebook. :func:`judge` computes the verdict from claim, rule and measurement; one typed
by hand is marked `judged` and gives its reason.
"""

from paper_utils.claims.ledger import VERDICTS, Claim, load_claims
from paper_utils.claims.recording import glue, record, records_in, verdicts
from paper_utils.claims.tables import badge, counts, groups, markdown_table, outcome, why_exact
from paper_utils.claims.values import format_value, plain
from paper_utils.claims.verdict import SCHEMA_VERSION, Record, Verdict, judge, judge_all

__all__ = [
    "SCHEMA_VERSION",
    "VERDICTS",
    "Claim",
    "Record",
    "Verdict",
    "badge",
    "counts",
    "format_value",
    "glue",
    "groups",
    "judge",
    "judge_all",
    "load_claims",
    "markdown_table",
    "outcome",
    "plain",
    "record",
    "records_in",
    "verdicts",
    "why_exact",
]
