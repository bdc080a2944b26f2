"""Judgements brought to the rows: which ids they name, what is unknown, repeated or negative."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy import sparse

from embedding_audit.given import Judgements, Match
from embedding_audit.matching.judgements import Lines
from embedding_audit.matching.names import ROW, Key, are_rows, respelled, row_numbers
from embedding_audit.matching.side import Side
from paper_utils.errors import UsageError


@dataclass(frozen=True, eq=False)  # an index has no truth value
class Named:
    """The names by which judgements know the rows."""

    key: Key
    match: Match
    by_position: bool = False
    spellings: Mapping[str, str] = field(default_factory=dict)  # a judged id -> as the rows have it


def named_by(side: Side, wanted: pd.Index, what: str, lines: Lines, id_column: str = "") -> Named:
    """Return the column in which the judged ids occur: the best by name, else the only one by its
    values, else row numbers where nothing has ids. `what` is 'documents' or 'queries'.
    UsageError: none, or several, or row numbers beside other ids.
    """
    n = side.vectors.shape[0]
    if lines.by_rows:
        return _position(n, wanted, what)
    listed = side.keys(id_column)
    if id_column == ROW and not listed:
        # Said of the documents; queries may have their ids all the same.
        named = what == "queries" and any(k.found(wanted) == len(wanted) for k in side.keys())
        if are_rows(wanted, n) and not named:
            return _position(n, wanted, what)
        if what == "documents":
            raise UsageError(_not_rows(side, wanted, what, lines))
        id_column = ""
    listed = listed or side.keys()
    counts = [key.found(wanted) for key in listed]
    best = max(counts, default=0)
    if best < len(wanted):
        others = [respelled(wanted, key.values) for key in listed]
        sums = [count + len(one) for count, one in zip(counts, others, strict=True)]
        most = max(sums, default=0)
        if most > best and (most == len(wanted) or not are_rows(wanted, n)):
            at = sums.index(most)
            return _by_key(listed[at], wanted, what, others[at])
    if 2 * best < len(wanted) and not id_column:
        found = _by_values(side, wanted, what, best)
        if found is not None:
            return _by_key(found, wanted, what)
    if not listed:
        if are_rows(wanted, n):
            return _position(n, wanted, what)
        raise UsageError(_not_rows(side, wanted, what, lines))
    if best < len(wanted) and not id_column and are_rows(wanted, n):
        raise UsageError(
            f"{lines.name} judges {what} such as {wanted[0]!r:.40}: {best:,} of {len(wanted):,} "
            f"are in {listed[0].example}, and all are row numbers; say which is meant: --id-column "
            f"{listed[0].name or 'id'} or --id-column {ROW}"
        )
    if not best:
        raise UsageError(
            f"none of the {len(wanted):,} judged {what} of {lines.name}, such as "
            f"{_examples(wanted)}, is known: {side.vectors.name} has {_candidates(side, listed)}"
            "; --id-column names the column that holds them"
        )
    return _by_key(listed[counts.index(best)], wanted, what)


def _by_values(side: Side, wanted: pd.Index, what: str, best: int) -> Key | None:
    """The column of unlisted name that holds the judged ids, where there is one."""
    unique = [(key.found(wanted), key) for key in side.others()]
    most = max((count for count, _ in unique), default=0)
    n = side.vectors.shape[0]
    # Numbers meet by chance: unless all are found, row numbers explain them as well.
    if 2 * most < len(wanted) or most <= 2 * best or (most < len(wanted) and are_rows(wanted, n)):
        most = 0
    found = [key for count, key in unique if most and count == most]
    if not found and not best and not all(one.isdecimal() for one in wanted):
        # The document that a chunk belongs to: repeated values.
        found = [key for key in side.others(unique=False) if key.found(wanted) == len(wanted)]
    found = [
        key
        for i, key in enumerate(found)
        if not any(key.values.equals(other.values) for other in found[:i])
    ]
    if len(found) > 1:
        names = ", ".join(repr(key.name) for key in found)
        raise UsageError(
            f"the judged {what} occur in several columns ({names:.120}): say which with --id-column"
        )
    return found[0] if found else None


def _by_key(
    key: Key, wanted: pd.Index, what: str, spellings: Mapping[str, str] | None = None
) -> Named:
    spellings = spellings or {}
    found = key.found(wanted) + len(spellings)
    match = Match(f"judged {what}", key.shown, found, len(wanted))
    return Named(key, match, spellings=spellings)


def _position(n: int, wanted: pd.Index, what: str) -> Named:
    key = Key(ROW, row_numbers(n), listed=False)
    return Named(key, Match(f"judged {what}", "position", key.found(wanted), len(wanted)), True)


def _not_rows(side: Side, wanted: pd.Index, what: str, lines: Lines) -> str:
    n = side.vectors.shape[0]
    strange = wanted[~wanted.isin(row_numbers(n))]
    return (
        f"{lines.name} judges {what} such as {strange[0]!r:.40}, which is no row number from 0 to "
        f"{n - 1:,}, and no other ids are known{_other_columns(side)}: save them "
        "beside the vectors or the texts, and name the column with --id-column"
    )


def _other_columns(side: Side) -> str:
    names = [key.name for key in side.others()]
    return f" (columns of different values: {', '.join(map(repr, names))!s:.120})" if names else ""


def _candidates(side: Side, listed: list[Key]) -> str:
    keys = [*listed, *side.others()]
    return ", ".join(key.example for key in keys[:4])


def _examples(ids: Iterable[str]) -> str:
    return ", ".join(f"{str(one)!r:.40}" for one in sorted(ids)[:3])


def as_spelled(lines: Lines, documents: Named, queries: Named) -> Lines:
    """Return the judgements with ids as the rows have them, and what was spelled otherwise."""
    table, notes = lines.table, []
    for kind, named in (("document", documents), ("query", queries)):
        if named.spellings:
            table = table.assign(**{kind: [named.spellings.get(one, one) for one in table[kind]]})
            one, other = next(iter(named.spellings.items()))
            notes.append(
                f"judged ids that the rows spell otherwise, such as {one!r:.40} for {other!r:.40}: "
                f"{len(named.spellings):,} (`{named.key.name or 'id'}`)"
            )
    return replace(lines, table=table, notes=(*lines.notes, *notes))


def in_order(lines: Lines, documents: Side, queries: Side) -> Lines:
    """Return the judgements with queries and documents exchanged, where all ids fit so and not as
    they were given.
    """
    if lines.by_rows:
        return lines
    named = [pd.Index(lines.table[kind].unique(), dtype=object) for kind in ("document", "query")]
    sides = (documents, queries)
    if all(_known(side, ids) for side, ids in zip(sides, named, strict=True)):
        return lines
    if not all(_known(side, ids) for side, ids in zip(sides, named[::-1], strict=True)):
        return lines
    table = lines.table.rename(columns={"query": "document", "document": "query"})
    note = (
        f"{lines.name} is read as documents, then queries: so all its ids are known, and the other "
        "way round they are not"
    )
    return replace(lines, table=table, notes=(*lines.notes, note))


def _known(side: Side, wanted: pd.Index) -> bool:
    keys = side.keys()
    if not keys:
        return are_rows(wanted, side.vectors.shape[0])
    return any(key.found(wanted) == len(wanted) for key in keys)


def judgements_of(
    lines: Lines, queries: pd.Index, documents: pd.Index, relevant_from: float | None
) -> tuple[Judgements, list[str]]:
    """Return the judgements of known queries; ids in `documents` are distinct, "" names nothing.
    Of several grades of a pair the highest counts; negative ones are 0. UsageError: nothing left.
    """
    table, notes = lines.table, [*lines.notes]
    at = queries.get_indexer(table["query"])
    if (at < 0).any():
        strangers = table["query"][at < 0].unique()
        notes.append(
            f"judged queries that are not among the queries left out: {len(strangers):,}, such as "
            f"{_examples(strangers)}"
        )
        table, at = table[at >= 0], at[at >= 0]
    column = documents.get_indexer(table["document"])
    lost, which = np.unique(table["document"][column < 0].to_numpy(str), return_inverse=True)
    column[column < 0] = len(documents) + which
    places = pd.DataFrame({"query": at, "document": column, "grade": table["grade"].to_numpy()})
    if negative := int((places["grade"] < 0).sum()):
        notes.append(f"negative grades taken as 0, not relevant: {negative:,}")
        places = places.assign(grade=places["grade"].clip(lower=0.0))
    places, more = _merged(places)
    level, why = _level(places["grade"], relevant_from, lines.name)
    notes += [*more, *why]
    if len(lost):
        missed = places["grade"][places["document"] >= len(documents)]
        notes.append(
            f"judged documents that are not among the vectors: {len(lost):,}, such as "
            f"{_examples(lost)}; where relevant ({int((missed >= level).sum()):,} judgements) they "
            "count as not found, as in trec_eval"
        )
    shape = (len(queries), len(documents) + len(lost))
    grades = sparse.csr_array(
        (places["grade"].to_numpy(float), (places["query"], places["document"])), shape=shape
    )
    judged = np.zeros(len(queries), dtype=bool)
    judged[places["query"]] = True
    found = Judgements(
        grades[:, : len(documents)],
        judged,
        level,
        grades[:, len(documents) :] if len(lost) else None,
    )
    if not found.relevant.nnz:
        raise UsageError(
            f"{lines.name}: no document among the vectors is relevant to any query "
            f"(a grade of at least {level:g})"
        )
    return found, [*notes, *_counted(found)]


def _merged(table: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """One line a pair, with its highest grade."""
    lines = len(table)
    groups = table.groupby(["query", "document"], sort=True)["grade"]
    merged = groups.max().reset_index()  # in the order of queries and documents
    if len(merged) == lines:
        return merged, []
    contradicted = int((groups.nunique() > 1).sum())
    notes = [f"judgements that repeat a pair merged: {lines - len(merged):,}"]
    if contradicted:
        notes.append(
            f"pairs judged with different grades, of which the highest counts: {contradicted:,}"
        )
    return merged, notes


def _level(grades: pd.Series, given: float | None, name: str) -> tuple[float, list[str]]:
    """From which grade on a document is relevant: 1, or any where grades are fractions up to 1."""
    positive = grades[grades > 0]
    top = float(positive.max()) if len(positive) else 0.0
    if given is not None:
        if not (np.isfinite(given) and 0 < given):
            raise UsageError(f"relevant_from must be a number above 0, not {given!r:.40}")
        if given > top:
            raise UsageError(
                f"{name}: no grade reaches --relevant-from {given:g}; the highest is {top:g}"
            )
        level = float(given)
    elif len(positive) and top <= 1 and float(positive.min()) < 1:
        return float(positive.min()), ["grades are fractions: every grade above 0 is relevant"]
    else:
        level = 1.0
        if float(grades.min()) >= 1 and top >= 3:
            return level, [
                f"grades run from {grades.min():g} to {top:g}, and each counts as relevant: "
                "--relevant-from sets another level"
            ]
    below = int((positive < level).sum())
    return level, [
        f"positive grades below {level:g} that do not count as relevant, and are gains "
        f"of nDCG all the same: {below:,}"
    ] if below else []


def _counted(found: Judgements) -> list[str]:
    notes = []
    n = len(found.judged)
    if unjudged := n - int(found.judged.sum()):
        notes.append(f"queries without a judgement left out of the quality: {unjudged:,} of {n:,}")
    lost = found.lost
    lost.data = np.where(lost.data >= found.relevant_from, lost.data, 0.0)
    relevant = found.relevant.sum(axis=1) + lost.sum(axis=1)
    if zero := int((found.judged & (relevant == 0)).sum()):
        notes.append(
            f"judged queries with nothing relevant: {zero:,}; they count as 0, as in trec_eval"
        )
    return notes
