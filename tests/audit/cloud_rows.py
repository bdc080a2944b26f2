"""Rows for the tests of what vectors look like."""

import numpy as np

from embedding_audit.cloud.cloud import Cloud
from embedding_audit.cloud.measured import measure_cloud
from embedding_audit.cloud.scan import scan
from embedding_audit.given import Inputs
from embedding_audit.reading.vectors import Vectors


def cloud_rows(n=500, d=16, seed=0, duplicates=40):
    """Return rows with a mean, a spectrum, equal rows and rows of equal direction."""
    rows = np.random.default_rng(seed).normal(size=(n, d)) * np.linspace(1, 3, d) + 1
    if duplicates:
        rows[100 : 100 + duplicates] = 2 * rows[0]
        rows[300] = rows[7]
    return rows.astype(np.float32)


def sound_rows(n, d, seed=0):
    """Return directions drawn at random: no fault that an audit could find."""
    rows = np.random.default_rng([seed, 0x736F]).normal(size=(n, d))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def vectors_of(rows):
    """Return rows as an audit gets them."""
    return Vectors("rows", "array", np.asarray(rows))


def cloud_of(rows, metric="cosine", k=10, exact_up_to=50_000):
    """Return the cloud of some rows."""
    vectors = vectors_of(rows)
    return Cloud.of(vectors, scan(vectors), metric, k, exact_up_to, 0)


def measured(rows, exact_up_to=50_000, k=10, **more):
    """Measure the cloud of some rows."""
    return measure_cloud(Inputs(vectors_of(rows), **more), k, exact_up_to, 0)
