"""Folded cells say what they do; cells of main claims stay in view."""

from __future__ import annotations

import nbformat
import pytest

from paper_utils import results
from paper_utils.book.chapters import find_chapters
from paper_utils.book.labels import label_of
from paper_utils.book.origins import origins
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


@pytest.mark.parametrize(
    ("cells", "last"),
    [
        (["a = results.get('r-1').frame()", "b = a + 1", "plot(b)"], ["r-1"]),
        (["a, b = results.get('r-1'), f()", "plot(b)"], []),
        (["a = results.get('r-1')", "print(a.label)\nplot(f())"], []),
        (["a = results.get('r-1')", "a = f()", "plot(a)"], []),
        (["for x in results.get('r-1').tasks:\n    y = x", "for x in f():\n    plot(x)"], []),
        (["for x in results.get('r-1').tasks:\n    y = x", "y = f()\nfor z in y: plot(z)"], []),
        (["rows = []\nfor x in results.get('r-1').tasks: rows.append(x)", "table(rows)"], ["r-1"]),
        (["def f(x):\n    return results.get('r-1')[x]", "plot(f(1))"], ["r-1"]),
        (["a = results.get('r-1')\nb = results.get('r-2')", "plot(a, b)"], ["r-1", "r-2"]),
        (["a = f().get('r-1')", "plot(a)"], []),
    ],
)
def test_a_figure_says_which_records_it_comes_from(cells, last):
    assert list(origins(cells))[-1] == last


def test_a_folded_figure_says_recorded_or_computed_here():
    cells = [nbformat.v4.new_code_cell(f"x = results.get('{name}')\nplot(x)") for name in "ab"]
    cells[0].source = cells[0].source.replace("'a'", "'r-1'")
    cells[1].source = "plot(f())"
    for number, cell in enumerate(cells):
        cell.metadata["mystnb"] = {"figure": {"name": f"fig-{number}"}}
    built = normalise(nbformat.v4.new_notebook(cells=cells), {})
    labels = [cell.metadata["mystnb"]["code_prompt_show"] for cell in built.cells]
    assert labels == [
        "Code: draw the figure ‘0’ (recorded: r-1)",
        "Code: draw the figure ‘1’ (computed here)",
    ]


@pytest.mark.parametrize("chapter", find_chapters(project_root()), ids=lambda one: one.slug)
def test_records_are_named_in_full_where_they_are_read(chapter):
    """What a page says of its sources is read off these names."""
    code = [cell.source for cell in chapter.notebook.cells if cell.cell_type == "code"]
    assert not any('results.get(f"' in source for source in code), "a name that is put together"
    assert {name for cell in origins(code) for name in cell} <= set(results.index())
