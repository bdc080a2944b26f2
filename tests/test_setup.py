"""The files that install the project agree with each other."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from changed import changed_chapters
from paper_utils.book.chapters import Chapter


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


def test_citation_archive_package_and_book_tell_the_same(root, project):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    archive = json.loads((root / ".zenodo.json").read_text(encoding="utf-8"))
    book = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    package = project["project"]
    assert citation["title"] == archive["title"] == book["title"]
    assert citation["version"] == archive["version"] == package["version"]
    assert citation["license"] == archive["license"] == package["license"]
    assert citation["keywords"] == archive["keywords"]
    assert " ".join(citation["abstract"].split()) == archive["description"]
    names = [one["name"] for one in citation["authors"]]
    assert names == [one["name"] for one in archive["creators"]]
    assert names == [one["name"] for one in package["authors"]]
    assert book["author"].casefold() == names[0].casefold()
    assert (root / "LICENSE").is_file() and (root / "LICENSE-text").is_file()


def test_the_short_check_knows_the_chapters_that_changed():
    chapters = [Chapter(Path(f"notebooks/{name}.md")) for name in ("01-a-b", "02-c", "03-d")]
    files = ["src/paper_chapters/a_b/new.py", "tests/reference/03-d.ipynb", "README.md"]
    assert changed_chapters(chapters, files) == [chapters[0], chapters[2]]
    assert changed_chapters(chapters, ["notebooks/02-c.md"]) == [chapters[1]]


WORKFLOWS = ("book", "test", "weekly")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_is_sound(root, name):
    path = root / ".github" / "workflows" / f"{name}.yml"
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert workflow["name"] == name
    assert set(workflow[True]) <= {"push", "pull_request", "schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {"contents": "read"}, "what more a job needs it says itself"
    for job in workflow["jobs"].values():
        assert set(job.get("needs", "").split()) <= set(workflow["jobs"])
        for step in job["steps"]:
            assert ("run" in step) != ("uses" in step)
            assert re.fullmatch(r"[\w-]+/[\w-]+@v\d+", step.get("uses", "a/b@v1"))
    first = next(iter(workflow["jobs"].values()))
    assert first["timeout-minutes"] <= 90
    environment = yaml.safe_load((root / "environment.yml").read_text())
    index = environment["dependencies"][-1]["pip"][0].split()[1]
    assert first["env"]["PIP_EXTRA_INDEX_URL"] == index, "the same CPU builds as with conda"


def test_the_workflows_run_what_people_run(root):
    files = {path.stem for path in (root / ".github" / "workflows").glob("*")}
    assert files == set(WORKFLOWS)
    steps = {}
    for name in WORKFLOWS:
        text = (root / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
        jobs = yaml.safe_load(text)["jobs"].values()
        steps[name] = [step.get("run", step.get("uses")) for job in jobs for step in job["steps"]]
    assert "bash .ci/run" in steps["test"] and "bash .ci/run" in steps["weekly"]
    assert "make pdf" in steps["book"] and "actions/deploy-pages@v4" in steps["book"]
    weekly = yaml.safe_load((root / ".github" / "workflows" / "weekly.yml").read_text())
    makefile = (root / "Makefile").read_text()
    assert weekly["jobs"]["newest-versions"]["env"]["CONSTRAINTS"] == "/dev/null"
    assert "-c $(CONSTRAINTS)" in makefile and "CONSTRAINTS ?= constraints.txt" in makefile


def test_links_to_the_repository_lead_to_what_is_committed(root):
    extension = runpy.run_path(str(root / "book" / "_ext" / "paper_address.py"))
    built = "https://a.example/o/r/{}/main/book/chapters/01-a.ipynb"
    binder = "https://b.example/v2/gh/o/r/main?urlpath=lab/tree/book/chapters/01-a.ipynb"
    buttons = [{"buttons": [{"url": built.format("edit")}, {"text": "no address"}]}]
    buttons.append({"url": binder})
    extension["mend_buttons"](buttons)
    assert buttons[0]["buttons"][0]["url"] == "https://a.example/o/r/edit/main/notebooks/01-a.md"
    assert buttons[1]["url"].endswith("urlpath=lab/tree/notebooks/01-a.ipynb")
    script = (root / "postBuild").read_text()
    assert "jupytext --to ipynb notebooks/*.md" in script, "what Binder opens must be there"
    assert os.access(root / "postBuild", os.X_OK)


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
