"""Words, numbers and units of product titles and of prose, as tokens for lexical search."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Iterable

from paper_utils.errors import UsageError, did_you_mean

STEMMERS = ("english", "russian")

_INCH = "″"
# 12" 12'' 12 '' 12″: quotation marks mean inches only right after a number.
_INCH_SIGNS = re.compile(r"(?<=\d)(?:[\"”]|\s*(?:''|’’|″))")
# 10x15, 10х15 (Cyrillic), 10×15, 10*15, 10 x 15: one sign for 'by'.
_BY_SIGNS = re.compile(r"(?<=\d)\s*[xх×*]\s*(?=\d)")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")
_DIGIT = re.compile(r"\d")
# A number with its decimal point or fraction, a run of letters, or the inch sign.
_TOKEN = re.compile(rf"\d+(?:[./]\d+)*|[^\W\d_]+|{_INCH}")


class WordTokenizer:
    """Split a text into lower-case tokens, keeping one-letter ones.

    * Letters and digits part: ``18В`` and ``18 В`` are both ``18``, ``в``.
    * Decimals and fractions stay whole, with a point: ``1,5`` is ``1.5``; ``1/2`` is ``1/2``.
      (So is a thousands comma: ``1,000`` is ``1.000``.)
    * An inch sign after a number, however typed, is the token ``″``.
    * The sign between two measures, Latin, Cyrillic, ``×`` or ``*``, is the token ``x``.
    * ``ё`` is ``е``; characters typed in pieces are composed (NFC); everything else parts.

    Parameters
    ----------
    stemmer : {"english", "russian"}, optional
        Snowball stemmer. Neither touches the letters of the other language.
    stop_words : iterable of str
        Whole tokens to drop before stemming, spelt in any way; none by default.

    Raises
    ------
    UsageError
        An unknown stemmer, or a stop word that is not a single token.

    Examples
    --------
    >>> WordTokenizer()('Дрель-шуруповёрт 18В, 2Ач, патрон 1/2"')
    ['дрель', 'шуруповерт', '18', 'в', '2', 'ач', 'патрон', '1/2', '″']
    >>> WordTokenizer(stemmer="english", stop_words=["who"])("Who likes River Otters?")
    ['like', 'river', 'otter']
    """

    def __init__(self, *, stemmer: str | None = None, stop_words: Iterable[str] = ()) -> None:
        if stemmer is not None and stemmer not in STEMMERS:
            raise UsageError(f"unknown stemmer {stemmer!r}: {did_you_mean(stemmer, STEMMERS)}")
        if isinstance(stop_words, str):
            raise UsageError(f"stop_words must be a list of words, not the text {stop_words!r}")
        self.stemmer = stemmer
        self.stop_words = frozenset(_single_token(word) for word in stop_words)

    def __call__(self, text: str) -> list[str]:
        """Return the tokens of `text` in order."""
        tokens = split_tokens(text)
        if self.stop_words:
            tokens = [token for token in tokens if token not in self.stop_words]
        if self.stemmer is not None:
            stem = _snowball(self.stemmer)
            tokens = [stem(token) for token in tokens]
        return tokens

    def __repr__(self) -> str:
        words = sorted(self.stop_words)
        return f"WordTokenizer(stemmer={self.stemmer!r}, stop_words={words!r})"


def split_tokens(text: str) -> list[str]:
    """Return the normalised tokens of `text`, without stop words or stemming."""
    text = unicodedata.normalize("NFC", text).lower().replace("ё", "е")
    if _DIGIT.search(text):  # all three signs follow a number; prose mostly has none
        text = _DECIMAL_COMMA.sub(".", text)
        text = _BY_SIGNS.sub(" x ", text)
        text = _INCH_SIGNS.sub(f" {_INCH} ", text)
    return _TOKEN.findall(text)


def _single_token(word: str) -> str:
    tokens = split_tokens(word) if isinstance(word, str) else []
    if len(tokens) != 1:
        raise UsageError(f"stop word {word!r} must be one token; it gives {tokens}")
    return tokens[0]


@functools.cache
def _snowball(language: str) -> Callable[[str], str]:
    import Stemmer

    return Stemmer.Stemmer(language).stemWord
