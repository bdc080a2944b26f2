"""The last target: the claims, the verdict page, and the static site."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat

from paper_utils.book.chapters import Chapter
from paper_utils.book.cite_page import cite_page
from paper_utils.book.overturn_page import overturn_page
from paper_utils.book.part_pages import part_pages
from paper_utils.book.pdf import SUMMARY
from paper_utils.book.runner import build_folder, new_scratch
from paper_utils.book.runs_page import runs_page
from paper_utils.book.source_pages import source_pages
from paper_utils.book.state import Book
from paper_utils.book.summary_page import summary_page
from paper_utils.book.verdict_page import chapter_links, verdict_page
from paper_utils.book.worker import die_with_parent
from paper_utils.claims import (
    SCHEMA_VERSION,
    Record,
    Verdict,
    counts,
    judge_all,
    load_claims,
    records_in,
)
from paper_utils.errors import PaperError
from paper_utils.fingerprint import packages, sha256
from paper_utils.paths import write_text

_STAMP = ".fingerprint"
_CHAPTER_LINK = re.compile(r"\[([^\[\]]+)\]\(\./[\w-]+\.ipynb\)")
# The package has no __main__; its script may not be on the PATH.
_JUPYTER_BOOK = "from jupyter_book.cli.main import main; main()"


def collect_verdicts(book: Book) -> list[Verdict]:
    """Return the verdict on every claim, from the executed notebooks as they lie."""
    records: dict[str, Record] = {}
    for chapter in book.chapters:
        path = book.target(chapter)
        if path.is_file():
            records |= records_in(nbformat.read(path, as_version=4))
    return judge_all(load_claims(book.root / "book" / "claims.yml"), records)


def claims_json(verdicts: list[Verdict]) -> str:
    """Return the verdicts in the form of `_build/claims.json`."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "counts": counts(verdicts),
        "claims": [verdict.as_dict() for verdict in verdicts],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def write_claims(book: Book) -> list[Verdict]:
    """Write `_build/claims.json` and the pages that are made of results; return the verdicts."""
    from paper_utils.book.front_page import write_front_page  # draws: heavy to import

    verdicts = collect_verdicts(book)
    write_text(book.site / "_build" / "claims.json", claims_json(verdicts))
    write_text(book.built / "runs.md", runs_page(book))
    write_text(book.built / "verdicts.md", verdict_page(book.root, book.chapters, verdicts))
    for name, text in source_pages(book.root, book.chapters, verdicts).items():
        write_text(book.built / f"{name}.md", text)
    for name, text in part_pages(book.root, book.chapters, verdicts).items():
        write_text(book.built / f"{name}.md", text)
    links = chapter_links(book.chapters)
    write_text(book.built / "change-our-mind.md", overturn_page(book.root, verdicts, links))
    write_text(book.built / "cite.md", cite_page(book.root, book.chapters))
    summary = summary_page(book.root, book.chapters, verdicts)
    write_text(book.built / f"{SUMMARY}.md", summary)
    write_front_page(book.root, book.built, book.chapters, verdicts)
    return verdicts


def stage(book: Book) -> None:
    """Copy what jupyter-book needs into a site folder other than the checkout."""
    for name in ("_config.yml", "_toc.yml", "CITATION.cff"):
        if (book.root / name).is_file():
            shutil.copy2(book.root / name, book.site / name)
    _copy_pages(book.root, book.site)


def _copy_pages(root: Path, site: Path) -> None:
    """Copy the folder of pages, without the executed chapters."""
    pages = root / "book"
    shutil.copytree(
        pages,
        site / "book",
        ignore=lambda folder, _: ["chapters"] if Path(folder) == pages else [],
        dirs_exist_ok=True,
    )


def site_fingerprint(site: Path, constraints: Path) -> str:
    """Return the checksum of all that the site depends on; its API pages show our docstrings."""
    files = [site / "_config.yml", site / "_toc.yml", site / "CITATION.cff", constraints]
    files += [path for path in sorted((site / "book").rglob("*")) if path.is_file()]
    parts: list[bytes | str] = []
    for path in files:
        if path.is_file() and not path.name.startswith(".") and "__pycache__" not in path.parts:
            parts += [
                path.name if path == constraints else str(path.relative_to(site)),
                path.read_bytes(),
            ]
    parts += [path.read_bytes() for folder in packages() for path in sorted(folder.rglob("*.py"))]
    return sha256(*parts)


def html_is_fresh(book: Book) -> bool:
    """Return whether the rendered site shows the present sources."""
    stamp = book.html / _STAMP
    return stamp.is_file() and stamp.read_text() == site_fingerprint(
        book.site, book.root / "constraints.txt"
    )


def render(book: Book) -> None:
    """Render the site strictly and put it in place in one step; on failure the old one stays."""
    fingerprint = site_fingerprint(book.site, book.root / "constraints.txt")
    build = book.root / "_build"
    scratch = _render(book.site, ["-W", "-n", "--keep-going", "--all"], build, "html")
    try:
        new = scratch / "_build" / "html"
        (new / _STAMP).write_text(fingerprint)
        _swap(new, book.html)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _swap(new: Path, place: Path) -> None:
    old = place.with_name(".html-old")
    shutil.rmtree(old, ignore_errors=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    # The new one may lie on another disk: it is brought beside its place first.
    near = place.with_name(".html-new")
    shutil.rmtree(near, ignore_errors=True)
    shutil.move(new, near)
    if place.exists():
        place.rename(old)
    near.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _render(site: Path, flags: list[str], build: Path, kind: str) -> Path:
    """Run jupyter-book on `site`; return the folder that holds `_build/html`."""
    scratch = new_scratch(build)
    command = [sys.executable, "-c", _JUPYTER_BOOK, "build", str(site)]
    command += ["--path-output", str(scratch), *flags]
    log = scratch / "log"
    try:
        with log.open("wb") as stream:
            process = subprocess.run(
                command,
                stdout=stream,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent,
                check=False,
            )
        if process.returncode or not (scratch / "_build" / "html" / "index.html").is_file():
            kept = build / f"{kind}.log"
            log.replace(kept)
            raise PaperError(f"the site was not rendered: {_first_warning(kept)}; all in {kept}")
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return scratch


def _first_warning(log: Path) -> str:
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(errors="replace"))
    found = [line for line in text.splitlines() if re.search(r"WARNING|ERROR|Error", line)]
    first = found[0].strip() if found else (text.strip().splitlines() or ["no output"])[-1]
    return first + (f" (and {len(found) - 1} more)" if len(found) > 1 else "")


def render_page(root: Path, chapter: Chapter, notebook: Path, out: Path) -> Path:
    """Render one executed notebook as a site of its own in `out`/html; return the page."""
    build = build_folder(root)
    site = new_scratch(build)
    try:
        _stage_page(root, chapter, notebook, site)
        # Numbered references to other chapters have no target here: this build is not strict.
        scratch = _render(site, [], build, "own-page")
        try:
            _swap(scratch / "_build" / "html", out / "html")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    finally:
        shutil.rmtree(site, ignore_errors=True)
    return out / "html" / "book" / "chapters" / f"{chapter.name}.html"


def _stage_page(root: Path, chapter: Chapter, notebook: Path, site: Path) -> None:
    """Lay out a book of one chapter, bibliography and glossary in the folder `site`."""
    shutil.copy2(root / "_config.yml", site)
    _copy_pages(root, site)
    for page in (site / "book").glob("*.md"):
        if page.name not in ("bibliography.md", "glossary.md"):
            page.unlink()
    shutil.rmtree(site / "book" / "api", ignore_errors=True)
    (site / "book" / "chapters").mkdir()
    alone = nbformat.read(notebook, as_version=4)
    _drop_chapter_links(alone)
    nbformat.write(alone, site / "book" / "chapters" / f"{chapter.name}.ipynb")
    toc = {
        "format": "jb-book",
        "root": f"book/chapters/{chapter.name}",
        "chapters": [{"file": "book/bibliography"}, {"file": "book/glossary"}],
    }
    (site / "_toc.yml").write_text(json.dumps(toc))


def _drop_chapter_links(notebook: nbformat.NotebookNode) -> None:
    """Leave of each link to another chapter its words: here it would lead nowhere."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _CHAPTER_LINK.sub(r"\1", cell.source)
        for output in cell.get("outputs", []):
            shown = output.get("data", {}).get("text/markdown")
            if shown is not None:
                output["data"]["text/markdown"] = _CHAPTER_LINK.sub(r"\1", shown)
