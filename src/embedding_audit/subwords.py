"""How finely the tokenizer cuts the words of the texts."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from embedding_audit.measure import Measure, not_measured, ratio_of
from paper_utils.encoders.fertility import TOKENIZERS, count_subwords, load_subwords, words

MOST_TEXTS = 10_000  #: texts that are cut; a seeded sample of more
_GROUPS = 20


def tokenizer_name(model: str | None) -> str:
    """Return the tokenizer of a model, MiniLM's where it is not known."""
    return model if model in TOKENIZERS else "minilm"


def subword_measures(texts: Sequence[str], tokenizer: str, seed: int) -> dict[str, Measure]:
    """Measure subword tokens per word, the share of words that are cut, and words per text.
    The null ``shuffled`` has the letters of each word shuffled, which no vocabulary knows.
    """
    chosen = list(texts)
    if len(chosen) > MOST_TEXTS:
        rows = np.random.default_rng([seed, 11]).choice(len(chosen), MOST_TEXTS, replace=False)
        chosen = [chosen[row] for row in np.sort(rows)]
    cutter = load_subwords(tokenizer)
    counts = count_subwords(chosen, cutter)
    per_text = np.array([[len(c), sum(c), sum(x > 1 for x in c)] for c in counts], dtype=float)
    n = len(per_text)
    if per_text[:, 0].sum() == 0 or n < 2:
        why = not_measured("the texts hold no words")
        return dict.fromkeys(("pieces_per_word", "split_share", "words_per_text"), why)
    some = chosen[:: max(1, n // 1000)]
    null = count_subwords(_anagrams(some, seed), cutter)
    flat = np.array([x for c in null for x in c], dtype=float)
    return {
        "pieces_per_word": ratio_of(per_text[:, 1], per_text[:, 0], _GROUPS).beside(
            shuffled=flat.mean()
        ),
        "split_share": ratio_of(per_text[:, 2], per_text[:, 0], _GROUPS).beside(
            shuffled=(flat > 1).mean()
        ),
        "words_per_text": ratio_of(per_text[:, 0], np.ones(n), _GROUPS),
    }


def _anagrams(texts: Sequence[str], seed: int) -> list[str]:
    draw = random.Random(seed)
    return [
        " ".join("".join(draw.sample(word, len(word))) for word in words(text)) for text in texts
    ]
