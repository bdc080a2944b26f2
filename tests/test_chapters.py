"""The contract that every chapter keeps, and the values that it measures."""

from __future__ import annotations

import ast
import builtins
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from paper_utils.book import expected
from paper_utils.book.chapters import find_chapters
from paper_utils.book.make import build
from paper_utils.book.site import collect_verdicts
from paper_utils.book.state import Book, results_named
from paper_utils.claims import Record, judge_all, load_claims
from paper_utils.claims.accepted import load
from paper_utils.paths import project_root
from paper_utils.results import index

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = find_chapters(ROOT)
REFERENCE = ROOT / "tests" / "reference"

each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.slug)


def prose(chapter):
    """Return the Markdown of a chapter."""
    cells = chapter.notebook.cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def code_cells(chapter):
    """Return the code cells of a chapter."""
    return [cell for cell in chapter.notebook.cells if cell.cell_type == "code"]


# --------------------------------------------------------------------------- contract


@each_chapter
def test_it_opens_with_a_card_and_closes_with_practice(chapter):
    text = prose(chapter)
    card = text.find(":class: opening-card")
    assert 0 < card < 1500, "the opening card comes first"
    for word in ("Claimed", "Found", "Parameters", "Re-run"):
        assert f"**{word}" in text[card : card + 3500], f"the card says nothing of {word!r}"
    assert f"paper run {chapter.slug}" in text
    headings = re.findall(r"^##\s+(.+)$", text, re.MULTILINE)
    assert "What this means in practice" in headings[-2:]
    assert headings[-1] in ("What this means in practice", "Verdicts")
    assert "verdicts()" in code_cells(chapter)[-1].source


@each_chapter
def test_every_parameter_has_a_default_and_a_meaning(chapter):
    assert chapter.parameters
    for item in chapter.parameters.values():
        assert item.help, f"{item.name}: no comment says what it is"
        assert item.coerce(item.default) == item.default


@each_chapter
def test_figures_have_captions_names_and_their_own_alt_text(chapter):
    seen = set()
    for cell in code_cells(chapter):
        options = cell.metadata.get("mystnb", {})
        if not re.search(r"\b(subplots|figure)\(|plots\.\w*fig", cell.source):
            continue
        figure, alt = options.get("figure", {}), options.get("image", {}).get("alt", "")
        assert figure.get("name", "").startswith("fig-"), cell.source[:60]
        assert len(figure.get("caption", "")) >= 40, cell.source[:60]
        assert len(alt) >= 40, f"alt text of {figure['name']} is too short"
        assert alt not in seen and alt.strip() != figure["caption"].strip()
        seen.add(alt)


@each_chapter
def test_cells_are_short(chapter):
    for cell in code_cells(chapter):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        assert len(lines) <= 30, f"{len(lines)} lines; the work belongs in the package: {lines[0]}"


def is_typed(value):
    """Whether an expression names nothing that was computed: a literal, or one dressed up."""
    if isinstance(value, ast.Dict):
        return not value.values or any(is_typed(item) for item in value.values)
    named = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return named <= {*dir(builtins), "np"}


@pytest.mark.parametrize(
    ("code", "typed"),
    [
        ("0.5", True),
        ("round(0.5)", True),
        ("np.float64(0.5)", True),
        ("{'a': x, 'b': 1}", True),
        ("x", False),
        ("round(x)", False),
        ("{'a': x, 'b': x.max()}", False),
        ("{k: 1 / v for k, v in found.items()}", False),
    ],
)
def test_a_typed_number_is_told_from_a_measured_one(code, typed):
    assert is_typed(ast.parse(code, mode="eval").body) is typed


@each_chapter
def test_no_number_is_typed_where_it_should_be_measured(chapter):
    for node in ast.walk(ast.parse(chapter.code)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if name not in ("record", "glue"):
            continue
        given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "measured")]
        for value in given:
            text = f"line {node.lineno}: {name}() is given a literal: {ast.unparse(value)}"
            assert not is_typed(value), text


NAKED = re.compile(r"(?<![\w.{/-])\d+\.\d+(?![\w.}-])")


@each_chapter
def test_prose_has_no_naked_decimals(chapter):
    text = prose(chapter)
    for pattern in (
        r"```.*?```",  # literal blocks
        r"^:::?\{math\}.*?^:::?$|\$\$.*?\$\$|\$[^$\n]+\$",  # mathematics
        r"\{[\w:.-]+\}`[^`]*`",  # roles: glue, cite, numref
        r"`[^`]*`",  # code
        r"\[[^\]]*\]\([^)]*\)|https?://\S+|arXiv:\S+",
    ):
        text = re.sub(pattern, " ", text, flags=re.DOTALL | re.MULTILINE)
    assert NAKED.findall(text) == []


@each_chapter
def test_some_outputs_are_regression_tests(chapter):
    tagged = [c for c in code_cells(chapter) if "nbval-check-output" in c.metadata.get("tags", [])]
    assert len(tagged) >= 2, "tag cells that print rounded results with nbval-check-output"
    assert (REFERENCE / f"{chapter.name}.ipynb").is_file(), f"make accept CHAPTER={chapter.slug}"


@each_chapter
def test_citations_and_claims_exist(chapter):
    keys = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text()))
    for group in re.findall(r"\{cite:\w+\}`([^`]+)`", prose(chapter)):
        for key in group.split(","):
            assert key.strip() in keys, f"no bibliography entry {key.strip()!r}"
    mine = {item.id for item in load_claims().values() if item.chapter == chapter.slug}
    recorded = set(re.findall(r"\brecord(?:ed)?\(\s*[\"']([A-Z][\w-]+)[\"']", chapter.code))
    assert recorded <= mine, f"recorded under another chapter: {recorded - mine}"
    assert recorded, "a chapter records its claims"


@each_chapter
def test_it_stands_in_the_table_of_contents(chapter):
    from paper_utils.book.state import toc_files

    assert f"book/chapters/{chapter.name}" in toc_files(ROOT)


def test_the_ledger_is_sound():
    slugs = {chapter.slug for chapter in CHAPTERS}
    keys = set(re.findall(r"@\w+\{([^,\s]+),", (ROOT / "book" / "references.bib").read_text()))
    for claim in load_claims().values():
        assert claim.chapter in slugs, f"{claim.id}: no chapter {claim.chapter!r}"
        assert claim.source in keys | {"own"}, f"{claim.id}: no bibliography entry {claim.source!r}"
        if claim.status == "not_run" and not claim.needs:
            assert claim.rule or claim.judged, f"{claim.id}: neither rule nor judged verdict"


# ----------------------------------------------------------------------------- values


def notebooks(book):
    """Return the executed notebooks of a book by chapter slug."""
    return {
        chapter.slug: nbformat.read(book.target(chapter), as_version=4)
        for chapter in book.chapters
        if book.target(chapter).is_file()
    }


@pytest.mark.book
def test_the_book_is_built_and_nothing_in_it_is_stale():
    book = Book(project_root())
    assert [chapter.slug for chapter in book.stale()] == [], "run: make book"


@pytest.mark.book
def test_built_notebooks_hold_no_error_no_warning_no_address():
    for slug, notebook in notebooks(Book(project_root())).items():
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                assert output.output_type != "error", slug
                assert output.get("name") != "stderr", f"{slug}: {output.get('text', '')[:200]}"
                assert not re.search(r"\bat 0x[0-9a-f]{6,}", str(output.get("data", ""))), slug


@pytest.mark.book
@each_chapter
def test_every_long_result_says_which_function_computed_it(chapter):
    shown = Book(ROOT).target(chapter).read_text(encoding="utf-8")
    for path in results_named(ROOT, chapter):
        assert f"computed by `{index()[path.stem].function}`" in shown, (
            f"print its label: {path.stem}"
        )


@pytest.mark.book
def test_recorded_values_are_the_accepted_ones():
    book = Book(project_root())
    assert expected.disagreements(book.root, collect_verdicts(book), "default") == []


@pytest.fixture(scope="module")
def smoke():
    """The verdicts under the smoke profile: from nbval's kernels where these ran, else built."""
    if folder := os.environ.get("PAPER_MEASURED"):
        paths = Path(folder).glob("*.json")
        return judge_all(
            load_claims(), {p.stem: Record(**json.loads(p.read_text())) for p in paths}
        )
    book = Book(ROOT, "smoke")
    report = build(book, html=False)
    assert [f"{item.job.name} {item.error}" for item in report.failures] == []
    return collect_verdicts(book)


@pytest.mark.measured
def test_smoke_values_are_the_accepted_ones(smoke):
    assert expected.disagreements(ROOT, smoke, "smoke") == []


@pytest.mark.measured
def test_every_accepted_value_is_still_measured(smoke):
    recorded = {item.claim.id for item in smoke if item.record is not None}
    for profile in ("smoke", "default"):
        assert set(load(ROOT, profile)) <= recorded, profile


@pytest.mark.measured
def test_every_claim_with_a_rule_is_recorded(smoke):
    missing = [item.claim.id for item in smoke if item.record is None and item.claim.rule]
    assert missing == []


@pytest.mark.slow
def test_a_changed_estimator_turns_nbval_red(tmp_path):
    """The regression tests can fail: an estimator that is off by a tenth is caught."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-wrong.py").write_text(
        "import dataclasses, paper_utils.geometry.cosine as module\n"
        "right = module.cosine_moments\n"
        "def wrong(X, **options):\n"
        "    moments = right(X, **options)\n"
        "    return dataclasses.replace(moments, var=1.1 * moments.var)\n"
        "module.cosine_moments = wrong\n"
        "import paper_utils.geometry as package\n"
        "package.cosine_moments = wrong\n"
    )
    reference = REFERENCE / "01-cosine-collapse.ipynb"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax"]
    command += ["--nbval-current-env", str(reference)]
    outcome = subprocess.run(
        command,
        env=os.environ | {"IPYTHONDIR": str(tmp_path / "ipython"), "PAPER_MEASURED": ""},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 1, outcome.stdout[-2000:]
    assert "Cell outputs differ" in outcome.stdout
