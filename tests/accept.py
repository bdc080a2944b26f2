"""Accept what a chapter measures now: ``make accept CHAPTER=slug``.

Rewrites the chapter's reference notebook (smoke profile, text outputs only) and its entries of
tests/expected/, and names its claims in tests/ledger_ids.txt. The diff is what a reviewer looks at.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEDGER_IDS = Path("tests") / "ledger_ids.txt"


def text_only(notebook):
    """Return `notebook` with text outputs alone, no picture.

    Of a tagged cell the tables and glued numbers stay too: nbval compares every form of an output.
    """
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        for output in cell.outputs:
            if "data" in output:
                checked = "nbval-check-output" in cell.metadata.get("tags", [])
                forms = ("text/", "application/papermill.record/") if checked else ("text/plain",)
                output["data"] = {k: v for k, v in output["data"].items() if k.startswith(forms)}
        cell.outputs = [item for item in cell.outputs if item.get("data") != {}]
    return notebook


def accept(slug: str, root: Path = ROOT) -> list[Path]:
    """Rewrite what the tests of one chapter compare with; return the files."""
    import nbformat

    from paper_utils.book import expected
    from paper_utils.book.chapters import pick_chapter
    from paper_utils.book.make import build
    from paper_utils.book.site import collect_verdicts
    from paper_utils.book.state import Book
    from paper_utils.claims.accepted import load, path_of
    from paper_utils.paths import write_text

    written = []
    for profile in ("smoke", "default"):
        book = Book(root, profile)
        chapter = pick_chapter(book.chapters, slug)
        report = build(book, html=False, only=chapter)
        for outcome in report.failures:
            sys.exit(f"{outcome.job.name} {outcome.error}")
        kept = load(root, profile)
        kept = {id: entry for id, entry in kept.items() if entry["chapter"] != chapter.slug}
        mine = [item for item in collect_verdicts(book) if item.claim.chapter == chapter.slug]
        table = dict(sorted((kept | expected.entries(mine)).items()))
        path = path_of(root, profile)
        write_text(path, json.dumps(table, ensure_ascii=False, indent=1) + "\n")
        written.append(path)
        if profile == "smoke":
            notebook = text_only(nbformat.read(book.target(chapter), as_version=4))
            notebook.metadata.pop("paper", None)
            path = root / "tests" / "reference" / f"{chapter.name}.ipynb"
            path.parent.mkdir(exist_ok=True)
            nbformat.write(notebook, path)
            written.append(path)
    if list_claims(root, [item.claim.id for item in mine]):
        written.append(root / LEDGER_IDS)
    return written


def list_claims(root: Path, ids: list[str]) -> bool:
    """Append the claims of others that the list of ids lacks; return whether there were any."""
    path = root / LEDGER_IDS
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    new = [id for id in ids if not id.startswith("O-") and id not in text.splitlines()]
    if new:
        path.write_text(text + "".join(f"{id}\n" for id in new), encoding="utf-8")
    return bool(new)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: make accept CHAPTER=slug")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    from paper_utils.errors import PaperError

    try:
        files = accept(sys.argv[1])
    except PaperError as problem:
        sys.exit(f"accept: {problem}")
    for file in files:
        sys.stdout.write(f"{file.relative_to(ROOT)}\n")
