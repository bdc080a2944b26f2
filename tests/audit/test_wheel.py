"""The wheel in an environment that holds the audit's own packages and nothing else, offline."""

import json
import os
import shutil
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.slow

OFFLINE = """
import socket
def refuse(*args, **kwargs):
    raise AssertionError("the audit opened a connection")
socket.socket.connect = socket.socket.connect_ex = socket.create_connection = refuse
"""


def closure(names):
    """Return the distributions that `names` need, extras left out."""
    found, left = {}, list(names)
    while left:
        name = left.pop()
        if name in found:
            continue
        found[name] = distribution(name)
        for line in found[name].requires or ():
            item = Requirement(line)
            if item.marker is None or item.marker.evaluate({"extra": ""}):
                left.append(item.name)
    return found


@pytest.fixture(scope="module")
def empty(root, tmp_path_factory):
    """Return the bin folder of an environment with the wheel and the base dependencies only."""
    place = tmp_path_factory.mktemp("empty")
    source = place / "source"
    shutil.copytree(root / "src", source / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(root / name, source)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "-w", place, source], check=True)
    wheel = next(place.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place / "venv"], check=True)
    site = next((place / "venv").glob("lib/python*/site-packages"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
    ]
    subprocess.run([*pip, "--prefix", place / "venv", wheel], check=True, capture_output=True)
    script = next((place / "venv").rglob("embedding-audit"))
    own = next(p for p in (place / "venv").rglob("embedding_audit") if p.is_dir()).parent
    needed = [Requirement(line) for line in _base(own)]
    for one in closure([item.name for item in needed]).values():
        for file in one.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not (site / top).exists():
                (site / top).symlink_to(Path(one.locate_file(top)))
    (site / "sitecustomize.py").write_text(OFFLINE)
    return place / "venv" / "bin" / "python", script, own


def _base(own):
    metadata = next(own.glob("dual_encoder_limits-*.dist-info")) / "METADATA"
    lines = metadata.read_text().splitlines()
    found = [line.removeprefix("Requires-Dist: ") for line in lines if "Requires-Dist" in line]
    return [line for line in found if "extra ==" not in line]


def _run(empty, *command, **kwargs):
    python, _, own = empty
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PAPER"))}
    env |= {"PYTHONPATH": str(own)}
    return subprocess.run([python, *command], env=env, capture_output=True, text=True, **kwargs)


def test_the_environment_holds_no_torch(empty):
    done = _run(empty, "-c", "import numpy, torch")
    assert "No module named 'torch'" in done.stderr


def test_the_command_audits_a_file(empty, tmp_path):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "items.npy", rng.normal(size=(300, 16)).astype(np.float32))
    done = _run(empty, empty[1], "items.npy", "-o", "out", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["rows"]["used"]["value"] == 300
    assert "items.npy" in (tmp_path / "out" / "index.html").read_text()
    assert "items.npy" in done.stdout


def test_the_function_audits_arrays(empty):
    code = (
        "import numpy as np; from embedding_audit import audit; "
        "X = np.random.default_rng(0).normal(size=(300, 16)); "
        "report = audit(X, queries=X[:40] + .1, qrels={str(i): {str(i): 1} for i in range(40)}, "
        "texts=[f'item {i}' for i in range(300)]); "
        "print(report.measures['relevance.recall_10'].value, len(report.to_html()))"
    )
    done = _run(empty, "-c", code)
    assert done.returncode == 0, done.stderr
    recall, size = done.stdout.split()
    assert float(recall) == 1.0 and int(size) > 10_000


def test_a_command_of_the_book_says_what_it_needs(empty):
    paper = empty[1].with_name("paper")
    done = _run(empty, paper, "models")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "dual-encoder-limits[book]" in done.stderr
