"""What is said first of vectors that do not belong together, or not to their texts.

Severities as :mod:`embedding_audit.page.findings` has them: from 0.5 it is a fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from embedding_audit.found import Finding
from embedding_audit.measure import Measure

_ABSENT = Measure()


def belonging_findings(measures: Mapping[str, Measure]) -> tuple[Finding, ...]:
    """Return what ``mixture.*`` and ``encoding.*`` show, the worst first."""
    found = [*_models(measures), *_ways(measures), *_texts(measures)]
    return tuple(sorted(found, key=lambda one: (-one.severity, one.key)))


def _models(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    share = measures.get("mixture.share", _ABSENT)
    if share.value:
        alignment = measures["mixture.alignment"].value
        yield Finding(
            "mixture.share",
            f"About {share.value:.0%} of the rows look like another model's: they spread along "
            f"directions that have nothing to do with those of the rest (alignment "
            f"{alignment:.2f}; unrelated spaces: 0.00, clusters of one model: from 0.05).",
            0.95,
        )


def _ways(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    share = measures.get("encoding.split_share", _ABSENT)
    if share.value and not measures.get("mixture.share", _ABSENT).value:
        between, guess = measures["encoding.split"], measures["encoding.split_words"]
        yield Finding(
            "encoding.split_share",
            f"About {share.value:.0%} of the rows stand apart in one direction "
            f"({between.value:.0%} of its variance lies between; one group: at most 75%) and their "
            f"words do not tell why (AUC {guess.value:.2f}, by chance 0.50): another prefix, "
            "pooling or version?",
            0.7,
        )
    apart = measures.get("encoding.two_vectors", _ABSENT)
    if apart.value:
        yield Finding(
            "encoding.two_vectors",
            f"{apart.value:.0%} of {apart.n:,} repeated texts have vectors that differ (encoded in "
            "one way: 0%).",
            0.6 if apart.clears(0.05, above=True) else 0.4,
        )


def _texts(measures: Mapping[str, Measure]) -> Iterator[Finding]:
    agreement = measures.get("encoding.agreement", _ABSENT)
    if agreement.measured and agreement.clears(0.0, above=True) is not True:
        yield Finding(
            "encoding.agreement",
            f"Rows whose texts share words are no nearer than any others (cosine "
            f"{agreement.value:+.3f}; texts shuffled: 0): do the texts belong to these rows?",
            0.9,
        )
    shared = measures.get("encoding.one_vector", _ABSENT)
    if shared.value:
        yield Finding(
            "encoding.one_vector",
            f"{shared.value:.1%} of the rows have the vector of a row with another text (each its "
            "own: 0%): cut off before they differ, words unknown to the model, or copied?",
            0.7 if shared.clears(0.02, above=True) else 0.3,
        )
