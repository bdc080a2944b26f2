"""The sentences of LIMIT: written from names and attributes, and read back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from paper_utils.errors import UsageError, did_you_mean


@dataclass(frozen=True)
class _Form:
    verb: str
    last: str
    who: str


_FORMS = {"en": _Form(" likes ", " and ", "Who"), "ru": _Form(" любит ", " и ", "Кто")}
LANGUAGES = tuple(_FORMS)
#: Function words of LIMIT's English texts. ('likes', in each query and each document, is none.)
FUNCTION_WORDS = ("who", "and", "the", "of", "a", "in", "with")


def check_language(language: str) -> None:
    """Raise `UsageError` unless `language` is one of `LANGUAGES`."""
    if language not in _FORMS:
        raise UsageError(f"unknown language {language!r}: {did_you_mean(language, _FORMS)}")


def write_document(name: str, attributes: Sequence[str], language: str = "en") -> str:
    """Return the sentence that says what a person likes.

    >>> write_document("Ada Byron", ["Tapirs", "Limes", "Chess"])
    'Ada Byron likes Tapirs, Limes and Chess.'
    """
    check_language(language)
    if not attributes:
        raise UsageError(f"{name} likes nothing: at least one attribute is needed")
    form = _FORMS[language]
    listed = ", ".join(attributes[:-1])
    tail = form.last + attributes[-1] if listed else attributes[-1]
    return f"{name}{form.verb}{listed}{tail}."


def write_query(attribute: str, language: str = "en") -> str:
    """Return the question for an attribute.

    >>> write_query("Tapirs"), write_query("тапиры", "ru")
    ('Who likes Tapirs?', 'Кто любит тапиры?')
    """
    check_language(language)
    form = _FORMS[language]
    return f"{form.who}{form.verb}{attribute}?"


def read_query(text: str) -> str | None:
    """Return the attribute of a question; None where the text is no such question."""
    for form in _FORMS.values():
        start = f"{form.who}{form.verb}"
        if text.startswith(start) and text.endswith("?") and len(text) > len(start) + 1:
            return text[len(start) : -1]
    return None


def read_documents(texts: Iterable[str], known: Collection[str]) -> list[list[str]] | None:
    """Return the attributes of each sentence; None where one of them is no such sentence.

    Two attributes of LIMIT hold " and " themselves. The cut is chosen whose sides are attributes in
    `known` or elsewhere in a sentence; the last place without one.

    >>> texts = ["Ada likes Limes and Fish and Chips.", "Max likes Fish and Chips, Tea and Limes."]
    >>> read_documents(texts, {"Limes"})
    [['Limes', 'Fish and Chips'], ['Fish and Chips', 'Tea', 'Limes']]
    """
    bodies = []
    for text in texts:
        form = next((form for form in _FORMS.values() if form.verb in text), None)
        if form is None or not text.endswith("."):
            return None
        *listed, end = text[:-1].split(form.verb, 1)[1].split(", ")
        if not (end.strip() and all(part.strip() for part in listed)):
            return None
        bodies.append((listed, end, form.last))
    attested = {*known, *(part for listed, _, _ in bodies for part in listed)}
    return [[*listed, *_cut(end, last, attested)] for listed, end, last in bodies]


def _cut(end: str, last: str, attested: Collection[str]) -> list[str]:
    cuts = [(end[: m.start()], end[m.end() :]) for m in re.finditer(re.escape(last), end)]
    if not cuts:
        return [end]
    # The later cut wins where nothing else decides.
    return list(max(enumerate(cuts), key=lambda c: (sum(a in attested for a in c[1]), c[0]))[1])
