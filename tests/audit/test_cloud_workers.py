"""Where the work is done, how far it is, and what it will take."""

import json

import numpy as np
import pytest
from cloud_rows import cloud_rows, measured, vectors_of

from embedding_audit.cloud import forecast as forecasts
from embedding_audit.cloud.cluster import workers
from embedding_audit.cloud.forecast import forecast, memory_short
from embedding_audit.cloud.measured import measure_cloud
from embedding_audit.cloud.progress import VARIABLE, track
from embedding_audit.given import Inputs
from embedding_audit.reading import open_vectors
from embedding_audit.reading.vectors import Mapped, Vectors
from paper_utils.errors import PaperError


def test_a_cluster_finds_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    rows = cloud_rows(n=301, d=8)
    np.save(tmp_path / "a.npy", rows)
    inputs = Inputs(open_vectors(tmp_path / "a.npy"))
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        workers(cluster.scheduler_address) as where,
    ):
        there = measure_cloud(inputs, 10, 50_000, 0, where)
    assert there.measures == measured(rows).measures


def test_nobody_answers_at_a_wrong_address():
    with (
        pytest.raises(PaperError, match="no Dask scheduler answers at"),
        workers("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_forecast_grows_with_the_file_and_says_what_is_sampled(monkeypatch):
    monkeypatch.setattr(forecasts, "_speed", lambda: 1e11)
    found = []
    for n in (2_000, 46_000, 1_000_000, 10_000_000):
        data = Mapped("x.npy", "<f4", (n, 384), 128)
        found.append(forecast(Vectors("x.npy", ".npy", data), exact_up_to=50_000))
    seconds = [one.seconds for one in found]
    assert seconds == sorted(seconds) and found[3].gib > found[2].gib
    assert [one.exact for one in found] == [True, True, False, False]
    assert "every row is a query" in str(found[1]) and "a sample of 5,000 rows" in str(found[2])
    assert found[2].gib < 2 and str(found[0]).startswith("about")
    held = forecast(vectors_of(np.zeros((50_000, 384), np.float32)), exact_up_to=50_000)
    assert held.gib > found[1].gib  # what is in memory already counts too
    assert not memory_short(found[0])


def test_progress_says_how_far_it_is_and_what_is_left(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "lines"))
    assert list(track([1, 2, 3], "counting")) == [1, 2, 3]
    lines = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert lines[0] == {"what": "counting", "done": 0, "of": 3, "left_s": None}
    assert lines[-1] == {"what": "counting", "done": 3, "of": 3, "left_s": 0}


def test_who_interrupts_an_audit_ends_it_and_leaves_nothing(tmp_path, monkeypatch):
    calls = []

    def interrupted(*_):
        calls.append(1)
        raise KeyboardInterrupt

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("embedding_audit.cloud.products.best_of_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        measured(cloud_rows())
    assert len(calls) == 1 and not list(tmp_path.iterdir())
