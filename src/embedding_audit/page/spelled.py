"""Numbers and a user's texts as people read them; nothing in a text acts on what shows it."""

from __future__ import annotations

import re
from typing import Any

from embedding_audit.measure import Measure

#: Characters of a user's text that are shown; of a sentence.
MOST_TEXT, MOST_SENTENCE = 240, 2_000

# Control characters (a terminal obeys them), marks that turn the direction of what follows, and
# halves of surrogate pairs, which no file can hold.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def clean(text: str, most: int = MOST_SENTENCE) -> str:
    r"""Return a text with unseen characters spelled out, cut after `most` characters.

    >>> clean("a\u202eb\x1b[31m")
    'a\\u202eb\\x1b[31m'
    >>> clean("word " * 100, 9)
    'word word … (500 characters)'
    """
    cut = text[:most].rstrip() + f" … ({len(text):,} characters)" if len(text) > most else text
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), cut)


def finished(value: Any) -> Any:
    """Return what a template prints for a value: strings clean, markup as it is."""
    return clean(value) if type(value) is str else value


def short(text: str | None) -> str:
    """Return a user's text in one line that fits a page.

    >>> short(None), short("two\\n lines")
    ('–', 'two lines')
    """
    return "–" if text is None else clean(" ".join(text.split()), MOST_TEXT)


def number(value: float | None) -> str:
    """Return a number with three or four significant digits, whole numbers whole.

    >>> [number(x) for x in (None, 12345.0, 0.12345, -0.5, 1234.6, 0.0000123, 1e300)]
    ['–', '12,345', '0.1235', '−0.5', '1,235', '1.2e−05', '1.0e+300']
    """
    if value is None:
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        text = f"{int(value):,}"
    elif abs(value) < 1e-4 or abs(value) >= 1e15:
        text = f"{value:.1e}"
    else:
        text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return text.replace("-", "−")


def quality(value: float | None, sign: str = "") -> str:
    """Return a share or a change of one with three decimals.

    >>> quality(0.71234), quality(-0.01, "+"), quality(None)
    ('0.712', '−0.010', '–')
    """
    return "–" if value is None else f"{value:{sign}.3f}".replace("-", "−")


def interval(one: Measure, sign: str = "") -> str:
    """Return the 95% interval of a share, empty where there is none.

    >>> interval(Measure(0.5, 0.4, 0.6))
    '[0.400, 0.600]'
    """
    return "" if one.low is None else f"[{quality(one.low, sign)}, {quality(one.high, sign)}]"
