"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# What the smoke profile is executed with, for the kernels that nbval starts too.
os.environ["PAPER_ROOT"] = str(ROOT)
os.environ["PAPER_PROFILE"] = "smoke"
os.environ["PYTHONHASHSEED"] = "0"
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("PYTHONWARNINGS", "ignore:IProgress not found")
# Nothing in a test may wait for a hub; each miss would cost 23 s of retries.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# The first example of a test may import a library; a time is never asserted.
settings.register_profile("book", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("book")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is marked `realdata` where PAPER_DATA names no folder."""
    if Path(os.environ.get("PAPER_DATA") or "/nowhere").is_dir():
        return
    for item in items:
        if item.get_closest_marker("realdata"):
            item.add_marker(pytest.mark.skip(reason="PAPER_DATA names no folder"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def paper_data() -> Path:
    """The folder of real data that PAPER_DATA names; skips where there is none."""
    folder = os.environ.get("PAPER_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("PAPER_DATA names no folder: the real data is not here")
    return Path(folder)
