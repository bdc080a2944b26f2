"""Folded cells say what they do; cells of main claims stay in view."""

from __future__ import annotations

import nbformat
import pytest

from paper_utils.book.chapters import find_chapters
from paper_utils.book.labels import label_of
from paper_utils.book.worker import MAIN_CLAIM, normalise
from paper_utils.paths import project_root


@pytest.mark.parametrize(
    ("source", "label"),
    [
        ("import numpy as np\nfrom a import b\nplots.use_style()", "import what is used below"),
        ("plots.table(f, f'Recall at {k}.')", "print the table ‘Recall at …’"),
        ("print(results.get('a').label, results.get('b'))", "read the records a and b"),
        ("record('X-1', a)\nrecord('X-2', b)", "record the claims X-1 and X-2"),
        ("y = names.get('a')", "compute y"),
        ("def f(x):\n    y = x\n    return y", "define f"),
        ("glue('w_1', a)", "numbers for the text: w_1"),
        ("%time\nfor i in a:\n    one = {j for j in i}", "compute one"),
        ("a = b = c, d = e = 1, 2", "compute a, b, c and more"),
        ("verdicts()", "show the verdicts"),
        ("show(x)", "show what show gives"),
        ("x", "show what was computed"),
    ],
)
def test_a_label_is_read_off_the_code(source, label):
    assert label_of(source, {}) == f"Code: {label}"


def test_a_figure_goes_before_what_its_code_does():
    figure = {"mystnb": {"figure": {"name": "fig-two-knobs"}}}
    assert label_of("x = 1", figure) == "Code: draw the figure ‘two knobs’"


def test_a_built_notebook_folds_all_but_parameters_and_main_claims():
    cells = [nbformat.v4.new_code_cell("x = 1") for _ in range(3)]
    cells[1].metadata["tags"] = [MAIN_CLAIM]
    cells[2].metadata["tags"] = ["parameters"]
    built = normalise(nbformat.v4.new_notebook(cells=cells), {})
    folded = ["hide-input" in cell.metadata.get("tags", []) for cell in built.cells]
    assert folded == [True, False, False]
    assert built.cells[0].metadata["mystnb"]["code_prompt_show"] == "Code: compute x"


def test_labels_of_a_chapter_tell_its_cells_apart():
    for chapter in find_chapters(project_root()):
        cells = [cell for cell in chapter.notebook.cells if cell.cell_type == "code"]
        labels = [label_of(cell.source, cell.metadata) for cell in cells]
        assert len(set(labels)) > 0.4 * len(labels), chapter.slug
