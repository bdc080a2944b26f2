"""Small judged sets, and what the judged side of the audit reads of a cloud."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy import sparse

from embedding_audit.given import Inputs, Judgements
from embedding_audit.judged.queries import digests
from embedding_audit.reading import Vectors
from paper_utils.checks import unit_rows


def cloud_of(X):
    """Return what the judged side reads of a cloud, computed plainly."""
    usable = np.flatnonzero(np.isfinite(X).all(axis=1) & X.any(axis=1))
    U = unit_rows(X[usable])
    keys = digests(U.astype(np.float32), 0)
    order = np.array(sorted(range(len(usable)), key=lambda i: keys[i]))
    norms = np.linalg.norm(X[usable].astype(float), axis=1)
    centred = U - U.mean(axis=0)
    return SimpleNamespace(
        scan=SimpleNamespace(rows=usable[order], norms=norms[order]),
        moments=SimpleNamespace(mean=U.mean(axis=0), scatter=centred.T @ centred, n=len(U)),
    )


def inputs_of(X, Q, grades, judged=None, relevant_from=1.0, absent=None, **more):
    """Return inputs of arrays; `grades` is dense, NaN where nothing is judged."""
    grades = np.asarray(grades, dtype=float)
    rows, columns = np.nonzero(~np.isnan(grades))
    matrix = sparse.csr_array((grades[rows, columns], (rows, columns)), shape=grades.shape)
    judged = (~np.isnan(grades)).any(axis=1) if judged is None else judged
    lost = None if absent is None else sparse.csr_array(absent)
    return Inputs(
        Vectors("documents", "npy", X),
        Vectors("queries", "npy", Q),
        judgements=Judgements(matrix, judged, relevant_from, lost),
        **more,
    )


def sets(n=60, d=8, n_queries=30, seed=0, dtype=np.float32):
    """Return documents of different lengths, queries and grades 0 to 2, some unjudged."""
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, d)) + 0.3) * rng.uniform(0.5, 2, size=(n, 1))
    grades = np.where(rng.random((n_queries, n)) < 0.1, rng.integers(0, 3, (n_queries, n)), np.nan)
    grades[:, 0] = np.where(np.isnan(grades[:, 0]), 1, grades[:, 0])
    grades[5] = np.where(np.isnan(grades[5]), np.nan, 0)  # nothing relevant
    Q = np.nan_to_num(grades) @ X + rng.normal(size=(n_queries, d))
    return X.astype(dtype), Q.astype(dtype), grades
