"""The card names each parameter, code reads it, and what is shown moves with it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import nbformat
import pytest

from paper_utils.book.chapters import find_chapters
from paper_utils.paths import project_root

CHAPTERS = find_chapters(project_root())


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.slug)
def test_the_card_names_every_parameter_and_code_reads_it(chapter):
    text = "\n".join(c.source for c in chapter.notebook.cells if c.cell_type == "markdown")
    card = text[text.index("**Parameters**") : text.index("**Re-run**")]
    read = {
        node.id
        for node in ast.walk(ast.parse(chapter.code))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for name in chapter.parameters:
        assert f"`{name}`" in card, f"the card of {chapter.slug} does not name {name}"
        assert name in read, f"no code of {chapter.slug} reads {name}"


# Small values, and for each parameter another one. What asks for files has tests of its own.
CHANGES = {
    "sign-rank": ({"n_queries": 60}, {"n_queries": 90, "k": 3, "seeds": [5]}),
    "set-codes": (
        {"dims": [64], "n_docs": 46},
        {"dims": [80], "n_docs": 60, "seed": 1},
    ),
    "contradictions": (
        {"n_items": 100, "dims": 16, "seeds": [0, 1]},
        {"n_items": 150, "dims": 32, "seeds": [2, 3]},
    ),
}


def outputs(slug, values, folder):
    """Return the printed texts, tables and figures of a chapter, run with these parameters."""
    pairs = [word for name, value in values.items() for word in ("-p", name, str(value))]
    command = [sys.executable, "-m", "paper_utils.cli", "run", slug, *pairs, "-o", str(folder)]
    ran = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr[-500:]
    (path,) = folder.glob("*.ipynb")
    shown = []
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code" and "parameters" not in str(cell.metadata.get("tags")):
            shown += [str(item.get("data", item.get("text"))) for item in cell.outputs]
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("slug", CHANGES)
def test_a_changed_parameter_changes_what_is_shown(slug, tmp_path):
    small, changed = CHANGES[slug]
    usual = outputs(slug, small, tmp_path / "usual")
    assert outputs(slug, small, tmp_path / "again") == usual, "else a change would say nothing"
    for name, value in changed.items():
        assert outputs(slug, small | {name: value}, tmp_path / name) != usual, name
