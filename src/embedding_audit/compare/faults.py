"""Is the instrument sound? Faults put into sound sets one at a time, each with its control.

A fault is put in where it comes from: texts are encoded by another model, with another prefix or
pooling, cut off; vectors are copied, scaled or shuffled. The control is the same set without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embedding_audit.found import Finding

if TYPE_CHECKING:
    from embedding_audit.report import Report

Qrels = dict[str, dict[str, int]]


@dataclass(frozen=True, eq=False)  # arrays have no truth value
class Base:
    """A sound set, and what the same texts become when they are encoded otherwise."""

    name: str
    rows: NDArray[np.float32]
    texts: tuple[str, ...]
    #: what else the rows might be: of another ``model``, with another ``prefix`` or ``pooling``, of
    #: ``cut`` texts, or of ``stale`` ones, as the items had before
    otherwise: Mapping[str, NDArray[np.float32]]
    queries: NDArray[np.float32] | None = None
    qrels: Qrels | None = None  # rows are called by their number


#: Damages the rows that are hit; None where a base lacks what it takes.
Damage = Callable[[Base, NDArray[np.bool_]], Base | None]


@dataclass(frozen=True)
class Fault:
    """What is done to a base, what the audit is given, and what must show it."""

    name: str
    damage: Damage
    key: str  # of a finding, a measure or an action
    needs: str = ""  # beside the vectors: texts, judgements, against
    share: float = 0.5  # of the rows that is hit
    #: how it shows: a finding that is called a ``fault``, an ``advised`` action, or a measure that
    #: lies ``above`` or ``below`` the interval of the control
    how: str = "fault"


def _swap(name: str) -> Damage:
    """Put in, for some rows, what another way of encoding gives."""

    def damage(base: Base, hit: NDArray) -> Base | None:
        if name not in base.otherwise:
            return None
        return replace(base, rows=np.where(hit[:, None], base.otherwise[name], base.rows))

    return damage


def _common_mean(base: Base, _: NDArray) -> Base:
    return replace(base, rows=_unit(_unit(base.rows) + _direction(base)))


def _few_directions(base: Base, _: NDArray) -> Base:
    return replace(base, rows=base.rows * np.float32(0.8) ** np.arange(base.rows.shape[1]))


def _equal_rows(base: Base, hit: NDArray) -> Base:
    return replace(base, rows=np.where(hit[:, None], base.rows[np.argmax(hit)], base.rows))


def _hubs(base: Base, _: NDArray) -> Base:
    # Near the middle of everything else: near to all of it, once a mean is there.
    rows = _common_mean(base, _).rows
    rows[:3] = _unit(rows.mean(axis=0) + 0.02 * rows[:3])
    return replace(base, rows=rows)


def _lengths(base: Base, _: NDArray) -> Base:
    scale = np.linspace(0.2, 3, len(base.rows), dtype=np.float32)[:, None]
    return replace(base, rows=_unit(base.rows) * scale)


def _part_normalised(base: Base, hit: NDArray) -> Base:
    unit = _unit(base.rows)
    return replace(base, rows=np.where(hit[:, None], unit, 7.3 * unit))


def _with(value: float) -> Damage:
    """Put a number into the rows that are hit."""

    def damage(base: Base, hit: NDArray) -> Base:
        return replace(base, rows=np.where(hit[:, None], np.float32(value), base.rows))

    return damage


def _shard_twice(base: Base, hit: NDArray) -> Base:
    n = int(hit.sum())
    return replace(base, rows=np.concatenate([base.rows[:-n], base.rows[:n]]))


def _shuffled(base: Base, _: NDArray) -> Base:
    order = np.random.default_rng(1).permutation(len(base.rows))
    return replace(base, rows=base.rows[order])


def _means_apart(base: Base, _: NDArray) -> Base:
    queries = _unit(base.queries) - 2 * _direction(base)
    return replace(_common_mean(base, _), queries=queries)


def _direction(base: Base) -> NDArray[np.float32]:
    return _unit(np.random.default_rng(3).normal(size=base.rows.shape[1]))


def _unit(X: NDArray) -> NDArray[np.float32]:
    return (X / np.linalg.norm(X, axis=-1, keepdims=True)).astype(np.float32)


FAULTS: tuple[Fault, ...] = (
    Fault("rows with NaN", _with(np.nan), "rows.nan", share=0.01),
    Fault("rows of zeros", _with(0), "rows.zero", share=0.01),
    Fault("equal rows", _equal_rows, "rows.duplicate_share", share=0.3),
    Fault("a shard twice", _shard_twice, "rows.copied_block", share=0.2),
    Fault("half normalised", _part_normalised, "norms.unit_share"),
    Fault("unequal lengths", _lengths, "norms.cv", how="above"),
    Fault("a common mean", _common_mean, "cosine.mean", how="above"),
    Fault("few directions", _few_directions, "dimension.unbiased", how="below"),
    Fault("three hubs", _hubs, "hubness.raw.largest"),
    Fault("two models, half", _swap("model"), "mixture.share"),
    Fault("two models, a fifth", _swap("model"), "mixture.share", share=0.2),
    Fault("two models, a twentieth", _swap("model"), "mixture.share", share=0.05),
    Fault("another prefix, half", _swap("prefix"), "encoding.split_share", "texts"),
    Fault("another pooling, half", _swap("pooling"), "encoding.split_share", "texts"),
    Fault("another pooling, a fifth", _swap("pooling"), "encoding.split_share", "texts", 0.2),
    Fault("texts cut off, half", _swap("cut"), "encoding.one_vector", "texts"),
    Fault("texts of other rows", _shuffled, "encoding.agreement", "texts"),
    Fault("judgements of other rows", _shuffled, "relevance.ndcg_10", "judgements"),
    Fault("means of two sides apart", _means_apart, "centre_both", "judgements", how="advised"),
    Fault("another prefix, half", _swap("prefix"), "compare.moved_share", "against"),
    Fault("texts cut off, half", _swap("cut"), "compare.moved_share", "against"),
    Fault("a stale half", _swap("stale"), "compare.moved_share", "against"),
    Fault("two models, half", _swap("model"), "compare.moved_share", "against"),
    Fault("rows of other items", _shuffled, "compare.overlap", "against"),
)


def inject_faults(
    bases: Iterable[Base], faults: Sequence[Fault] = FAULTS, seed: int = 0
) -> list[dict[str, Any]]:
    """Audit each base without and with each fault.
    A row has ``base``, ``fault``, ``needs``, ``shown by``, ``found``, and ``false alarm``: whether
    the base without the fault shows it too. What a base cannot have, for lack of judgements or of
    another way of encoding, is left out.
    """
    rows = []
    for base in bases:
        controls: dict[str, Report] = {}
        for fault in faults:
            hit = np.random.default_rng([4, len(base.rows)]).random(len(base.rows)) < fault.share
            damaged = fault.damage(base, hit) if _possible(base, fault) else None
            if damaged is None:
                continue
            if fault.needs not in controls:
                controls[fault.needs] = audited(base, base, fault.needs, seed)
            control = controls[fault.needs]
            found = shows(fault, audited(damaged, base, fault.needs, seed), control)
            row = {"base": base.name, "fault": fault.name, "needs": fault.needs or "vectors alone"}
            row |= {"shown by": fault.key, "found": found}
            rows.append(row | {"false alarm": shows(fault, control, control)})
    return rows


def audited(base: Base, sound: Base, needs: str, seed: int = 0) -> Report:
    """Audit a set with what a fault needs."""
    from embedding_audit.report import audit

    given: dict[str, Any] = {}
    if needs == "texts":
        given = {"texts": list(base.texts)}
    elif needs == "judgements":
        given = {"queries": base.queries, "qrels": base.qrels}
    elif needs == "against":
        given = {"against": sound.rows}
    return audit(base.rows, seed=seed, **given)


def alarms(report: Report) -> list[Finding]:
    """Return the findings that the first screen calls faults."""
    from embedding_audit.page.findings import FAULT

    return [one for one in report.findings if one.severity >= FAULT]


def shows(fault: Fault, report: Report, control: Report) -> bool:
    """Return whether a report shows a fault."""
    if fault.how == "fault":
        return any(one.key == fault.key for one in alarms(report))
    if fault.how == "advised":
        return any(one.id == fault.key and one.advised for one in report.actions)
    above = fault.how == "above"
    sound = control[fault.key]
    end = sound.high if above else sound.low
    edge = sound.value if end is None else end
    return report[fault.key].clears(edge, above=above) is True


def _possible(base: Base, fault: Fault) -> bool:
    return fault.needs != "judgements" or base.qrels is not None


@dataclass(frozen=True)
class ToyEncoder:
    """A model whose words have vectors drawn at random, in a spectrum that falls as real ones do.
    A text is the mean of its words, and so has what all texts share and what its topic shares.
    """

    d: int
    seed: int

    def encode(
        self, texts: Sequence[str], *, prefix: str = "", pooling: str = "mean", most: int = 99
    ) -> NDArray[np.float32]:
        """Return unit vectors of texts; ``first`` pooling weighs the first words most."""
        found = np.empty((len(texts), self.d))
        for row, text in enumerate(texts):
            words = [*prefix.split(), *text.split()[:most]]
            weight = np.ones(len(words)) if pooling == "mean" else 0.5 ** np.arange(len(words))
            found[row] = (weight / weight.sum()) @ np.array([self._word(word) for word in words])
            if pooling != "mean":
                found[row] += self._word("[first]")
        return _unit(found + self._word("[all]") / 4)

    def _word(self, word: str) -> NDArray[np.float64]:
        known = _WORDS.setdefault((self.d, self.seed), {})
        if word not in known:
            if "[turn]" not in known:
                rng = np.random.default_rng([self.seed, self.d])
                known["[turn]"] = np.linalg.qr(rng.normal(size=(self.d, self.d)))[0]
            letters = int.from_bytes(word.encode(), "little") % 2**63
            draw = np.random.default_rng([self.seed, letters]).normal(size=self.d)
            known[word] = (draw * np.exp(-6 * np.arange(self.d) / self.d)) @ known["[turn]"]
        return known[word] / np.sqrt(self.d)


_WORDS: dict[tuple[int, int], dict[str, NDArray]] = {}


def toy_texts(n: int, seed: int, topics: int = 15) -> tuple[str, ...]:
    """Return titles of a catalogue: brand and kind of the topic, then words of it and of all."""
    rng = np.random.default_rng([seed, 0x746F79])
    common = [f"w{i}" for i in range(60)]
    found = []
    for topic in rng.integers(topics, size=n):
        own = [f"t{topic}w{i}" for i in range(25)]
        words = [f"brand{topic % 5}", f"kind{topic}", *rng.choice(own, 5), *rng.choice(common, 3)]
        found.append(" ".join(words))
    return tuple(dict.fromkeys(found))


def toy_base(n: int = 400, d: int = 160, seed: int = 0) -> Base:
    """Return a set made by rule, with judged queries: three words of an item find it."""
    texts = toy_texts(n, seed)
    model, rng = ToyEncoder(d, seed), np.random.default_rng([seed, 0x71])
    asked = rng.permutation(len(texts))[:60]
    queries = [" ".join(rng.permutation(texts[i].split())[:4]) for i in asked]
    return Base(
        name=f"made by rule, seed {seed}",
        rows=model.encode(texts),
        texts=texts,
        otherwise={
            "model": ToyEncoder(d, seed + 1).encode(texts),
            "prefix": model.encode(texts, prefix="represent this title for a search in our list"),
            "pooling": model.encode(texts, pooling="first"),
            "cut": model.encode(texts, most=2),
            "stale": model.encode(toy_texts(2 * n, seed + 1)[: len(texts)]),
        },
        queries=model.encode(queries),
        qrels={str(q): {str(i): 1} for q, i in enumerate(asked)},
    )
