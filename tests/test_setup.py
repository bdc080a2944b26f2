"""The files that install the project agree with each other."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture(scope="module")
def project(root):
    """Return the parsed pyproject.toml."""
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def pins(root):
    """Return constraints.txt as {canonical name: version}."""
    lines = [line for line in (root / "constraints.txt").read_text().splitlines() if line.strip()]
    return {
        canonicalize_name(name): Version(version)
        for name, version in (line.split("==") for line in lines if not line.startswith("#"))
    }


def requirements(project):
    """Return all direct requirements, extras included, our own name left out."""
    extras = project["project"]["optional-dependencies"].values()
    lists = [project["project"]["dependencies"], *extras]
    found = [Requirement(line) for lines in lists for line in lines]
    return [item for item in found if item.name != project["project"]["name"]]


def test_every_requirement_is_pinned_to_a_version_it_allows(project, pins):
    for item in requirements(project):
        name = canonicalize_name(item.name)
        assert name in pins, f"{name} is required but constraints.txt does not pin it"
        assert item.specifier.contains(pins[name], prereleases=True), f"{item}: {pins[name]}"


def test_torch_and_jupyter_book_are_pinned_exactly(project):
    exact = {item.name for item in requirements(project) if "==" in str(item.specifier)}
    assert {"torch", "jupyter-book"} <= exact


def test_the_conda_environment_installs_the_project_and_nothing_else(root, project):
    environment = yaml.safe_load((root / "environment.yml").read_text())
    (pip,) = [item["pip"] for item in environment["dependencies"] if isinstance(item, dict)]
    others = [item for item in environment["dependencies"] if isinstance(item, str)]
    assert {re.split("[=<>]", item)[0] for item in others} == {"python", "pip", "make", "git"}
    assert "-c constraints.txt" in pip
    assert "-e .[book]" in pip
    assert len(pip) == 3 and pip[0].startswith("--extra-index-url")
    python = next(item for item in others if item.startswith("python="))
    minimum = project["project"]["requires-python"].removeprefix(">=")
    assert python.removeprefix("python=") == minimum


def test_the_readme_opens_with_the_two_commands(root):
    text = (root / "README.md").read_text()
    block = re.search(r"```\w*\n(.*?)```", text, re.DOTALL).group(1)
    assert "make book" in block and "make test" in block
    assert text.index("make book") < 1200


def test_ci_calls_the_readmes_test_command(root):
    assert (root / ".ci" / "run").read_text().rstrip().endswith("make test")


def test_nothing_built_and_no_data_is_tracked(root):
    outcome = subprocess.run(
        ["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=False
    )
    if outcome.returncode:
        pytest.skip("not a git checkout")
    tracked = outcome.stdout.splitlines()
    bad = [
        path
        for path in tracked
        if path.startswith(("_build/", "book/chapters/", ".venv/", "data/"))
        or re.search(r"\.(npy|npz|safetensors|parquet|gguf|tiktoken)$", path)
    ]
    assert bad == []


def test_the_public_names_all_load():
    import paper_utils

    for name in paper_utils.__all__:
        assert getattr(paper_utils, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        paper_utils.no_such_name  # noqa: B018
