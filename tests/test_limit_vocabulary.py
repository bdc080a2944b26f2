"""The list of attributes that LIMIT-like data are generated from, in two languages."""

import csv
import re

import pytest

from paper_utils.paths import RESOURCES

stemmers = pytest.importorskip("snowballstemmer")

COLUMNS = ["en", "ru", "en_synonym", "ru_synonym"]
PATH = RESOURCES / "limit" / "vocabulary.tsv"


@pytest.fixture(scope="module")
def rows():
    with PATH.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def words(phrase):
    """Words in lower case; ё and е are one letter to a reader who types."""
    return re.findall(r"\w+", phrase.lower().replace("ё", "е"))


def related(one, other, stem):
    """Whether two phrases share a word, a stem or the beginning of a word of some length."""
    return any(
        a == b or (min(len(a), len(b)) > 3 and (stem(a) == stem(b) or a[:5] == b[:5]))
        for a in words(one)
        for b in words(other)
        if min(len(a), len(b)) > 2
    )


def test_the_file_has_its_columns_and_a_newline_at_the_end():
    text = PATH.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[0].split("\t") == COLUMNS
    assert text.endswith("\n") and not text.endswith("\n\n")
    assert all(line.count("\t") == len(COLUMNS) - 1 for line in lines)


def test_there_are_enough_phrases_and_synonyms(rows):
    assert len(rows) >= 1850
    assert sum(bool(row["en_synonym"]) and bool(row["ru_synonym"]) for row in rows) >= 450
    assert all(row["en"] and row["ru"] for row in rows)
    assert all(bool(row["en_synonym"]) == bool(row["ru_synonym"]) for row in rows)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_phrases_and_synonyms_are_distinct_in_a_language(rows, language):
    phrases = [row[language].lower() for row in rows]
    phrases += [row[f"{language}_synonym"].lower() for row in rows if row[f"{language}_synonym"]]
    assert len(set(phrases)) == len(phrases)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_phrase_survives_in_a_sentence_of_phrases(rows, column):
    for phrase in (row[column] for row in rows):
        assert phrase == " ".join(phrase.split())
        # These separate the attributes of a document.
        assert not re.search(r"[,.;?\"]|\band\b|\bи\b", phrase), phrase


def test_each_language_keeps_to_its_alphabet_and_to_short_phrases(rows):
    for row in rows:
        assert not re.search("[а-яё]", row["en"] + row["en_synonym"], re.I), row
        assert not re.search("[a-z]", row["ru"] + row["ru_synonym"], re.I), row
        assert 1 <= len(row["en"].split()) <= 3, row


@pytest.mark.parametrize(("language", "name"), [("en", "english"), ("ru", "russian")])
def test_a_synonym_shares_no_stem_with_its_phrase(rows, language, name):
    stem = stemmers.stemmer(name).stemWord
    for row in rows:
        synonym = row[f"{language}_synonym"]
        if synonym:
            assert not related(row[language], synonym, stem), row


def test_the_stem_check_sees_a_shared_stem():
    """The check itself, on a pair that must not pass and on one that must."""
    stem = stemmers.stemmer("english").stemWord
    assert related("cordless drills", "drilling machines", stem)
    assert not related("cordless drills", "battery-powered borers", stem)
