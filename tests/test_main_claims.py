"""The visible cell of a main claim runs alone, after the imports and the parameters."""

from __future__ import annotations

import warnings

import pytest

from paper_utils.book.chapters import find_chapters
from paper_utils.book.worker import MAIN_CLAIM
from paper_utils.paths import project_root

CHAPTERS = find_chapters(project_root())


def claims_of(chapter):
    """Return the code up to the parameters, and the cells of main claims."""
    cells = [cell for cell in chapter.notebook.cells if cell.cell_type == "code"]
    end = next(i for i, c in enumerate(cells) if "parameters" in c.metadata.get("tags", [])) + 1
    claims = [cell for cell in cells if MAIN_CLAIM in cell.metadata.get("tags", [])]
    return [cell.source for cell in cells[:end]], claims


CELLS = [
    pytest.param(chapter, number, id=f"{chapter.slug}-{number}")
    for chapter in CHAPTERS
    for number in range(len(claims_of(chapter)[1]))
]


@pytest.mark.parametrize(("chapter", "number"), CELLS)
def test_a_visible_cell_is_short_and_runs_alone(chapter, number, capsys, monkeypatch):
    """With the smallest parameters; it prints something and changes no parameter."""
    monkeypatch.chdir(project_root())
    before, claims = claims_of(chapter)
    cell = claims[number]
    lines = [line for line in cell.source.splitlines() if line.strip()]
    assert 5 <= len(lines) <= 12, f"{len(lines)} lines: {lines[0]}"
    space: dict = {"__name__": "__main__"}
    with warnings.catch_warnings():  # the first cell of a chapter may set filters
        for source in before:
            exec(source, space)
        space |= chapter.smallest
        given = {name: space[name] for name in chapter.parameters}
        exec(cell.source, space)
    assert {name: space[name] for name in chapter.parameters} == given
    assert capsys.readouterr().out.strip()
