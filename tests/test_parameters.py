"""The card names each parameter, code reads it, and what is shown moves with it."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import nbformat
import pytest

from paper_utils.book.chapters import find_chapters
from paper_utils.book.state import Book
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


# By chapter another value than the smoke profile's for each parameter. `TITLES` stands for a file
# that the test writes; files of vectors and judgements, and a reader's own records, have their
# own tests.
TITLES = "titles.csv"
OF_TITLES = {"catalogue": TITLES, "models": ["untrained"], "language": "en", "seed": 1}
CHANGES = {
    "cosine-collapse": OF_TITLES | {"n_items": 180},
    "effective-dimension": OF_TITLES | {"n_items": 150},
    "norm-growth": OF_TITLES | {"n_items": 90, "rho": 0.3, "tokenizers": ["mbert"]},
    "pooling": {
        "models": ["untrained"],
        "language": "ru",
        "n_items": 90,
        "n_queries": 30,
        "n_docs": 16,
        "seed": 1,
    },
    "hubness": OF_TITLES | {"n_items": 160, "n_queries": 60, "k": 5},
    "topk-stability": OF_TITLES | {"n_items": 250, "n_queries": 80, "k": 10, "noise": 1e-3},
    "sign-rank": {"n_queries": 90, "k": 3, "seeds": [5]},
    "margin": {"n_docs": 16, "k": 3, "dims": [7], "seed": 1},
    "free-embeddings": {
        "dims": [4],
        "seeds": [1, 2],
        "objective": "hinge",
        "temperature": 0.2,
        "n_docs": 14,
    },
    "limit": {"n_docs": 12, "language": "ru", "models": ["random"], "n_queries": 20, "seed": 1},
    "numen": {"n_docs": 400, "dims": [256], "language": "ru", "seed": 1},
    "additive-codes": {"n_docs": 14, "models": ["untrained"], "dims": [64], "k": 20, "seed": 1},
    "set-codes": {"dims": [80], "n_docs": 60, "seed": 1},
    "dimension-verdict": {"n_docs": 10, "seed": 1},
    "coarse-fine": {"language": "ru", "seed": 1, "n_steps": 8},
    "fine-mechanism": {"models": ["navec"], "language": "en", "n_items": 150, "seed": 1},
    "real-catalogue": {
        "catalogue": TITLES,
        "language": "en",
        "n_items": 180,
        "n_queries": 20,
        "seed": 1,
    },
    "contradictions": {"n_items": 150, "dims": 32, "seeds": [2, 3]},
    "search-engine": {
        "models": ["untrained"],
        "language": "ru",
        "n_items": 200,
        "n_queries": 40,
        "seed": 1,
    },
    "audit": {
        "model": "navec",
        "catalogue": TITLES,
        "language": "en",
        "n_items": 150,
        "k": 5,
        "exact_up_to": 100,
        "seed": 1,
    },
    "hybrid-vector": {
        "language": "ru",
        "dims": [64],
        "model": "minilm",
        "n_queries": 30,
        "seed": 1,
    },
}
WITH_FILES = {
    "qrels", "own_records", "embeddings", "queries", "texts", "query_texts", "scheduler",
}  # fmt: skip


def titles():
    """Return the text of a catalogue: a class, a make and two numbers with units a title."""
    lines = ["title,category"]
    kinds = ("Drill", "Saw", "Grinder", "Battery", "Hammer", "Дрель", "Пила", "Шуруповёрт", "Фен")
    for i, kind in enumerate(kinds):
        v, ah = ("V", "Ah") if kind.isascii() else ("В", "Ач")
        lines += [
            f"{kind} {make} {volt} {v} {load} {ah},{kind}"
            for make in ("Bosch", "Makita", "Metabo")
            for volt in (10, 12, 18, 36)
            for load in range(1 + i % 2, 6)
        ]
    return "\n".join(lines) + "\n"


def test_every_parameter_has_a_change_that_is_tried():
    for chapter in CHAPTERS:
        assert set(CHANGES[chapter.slug]) | WITH_FILES >= set(chapter.parameters), chapter.slug
        small = Book(project_root(), "smoke").parameters(chapter)
        for name, value in CHANGES[chapter.slug].items():
            assert value != small.get(name, chapter.parameters[name].default), name


def outputs(slug, values, folder):
    """Return the printed texts, tables and figures of a chapter, run with these parameters."""
    (folder.parent / TITLES).write_text(titles(), encoding="utf-8")
    values = {k: folder.parent / TITLES if v == TITLES else v for k, v in values.items()}
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


FAST = ("sign-rank", "set-codes", "contradictions")  # the others take a minute each


@pytest.mark.slow
@pytest.mark.parametrize(
    "slug",
    [slug if slug in FAST else pytest.param(slug, marks=pytest.mark.long) for slug in CHANGES],
)
def test_a_changed_parameter_changes_what_is_shown(slug, tmp_path):
    chapter = next(one for one in CHAPTERS if one.slug == slug)
    small, changed = Book(project_root(), "smoke").parameters(chapter), CHANGES[slug]
    usual = outputs(slug, small, tmp_path / "usual")
    assert outputs(slug, small, tmp_path / "again") == usual, "else a change would say nothing"
    for name, value in changed.items():
        assert outputs(slug, small | {name: value}, tmp_path / name) != usual, name
