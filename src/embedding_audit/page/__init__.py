"""What people see of an audit: the first screen, the page, the picture in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from embedding_audit.report import Report


def html(report: Report) -> str:
    """Return the page: one file that asks for nothing and runs nothing."""
    from embedding_audit.page.document import page

    return page(report)


def picture(report: Report) -> str:
    """Return the first screen as HTML for a notebook, with one small plot."""
    from embedding_audit.page.document import fragment

    return fragment(report)


def first_screen(report: Report, width: int = 100) -> str:
    """Return the first screen as plain text of at most `width` columns."""
    from embedding_audit.page.terminal import text

    return text(report, width)


def table(report: Report, *prefixes: str) -> pd.DataFrame:
    """Return the measures whose keys begin with one of `prefixes` as the page shows them."""
    import pandas as pd

    from embedding_audit.page.document import measured_table

    some = {k: one for k, one in report.measures.items() if one.measured and k.startswith(prefixes)}
    found = measured_table(some)
    return pd.DataFrame(found.rows, columns=list(found.head))
