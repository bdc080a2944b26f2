"""The last target: the claims, the verdict page, and the static site."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from paper_utils.build.chapters import Chapter
from paper_utils.build.state import Book
from paper_utils.build.worker import die_with_parent
from paper_utils.claims import (
    SCHEMA_VERSION,
    Record,
    Verdict,
    judge_all,
    load_claims,
    markdown_table,
    records_in,
)
from paper_utils.errors import PaperError
from paper_utils.fingerprint import sha256
from paper_utils.paths import write_text

_STAMP = ".fingerprint"
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
        "claims": [verdict.as_dict() for verdict in verdicts],
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def source_names(root: Path) -> dict[str, tuple[str, str]]:
    """Return a short name ("Weller et al. (2026)") and the title of every source, by key."""
    from pybtex.database import parse_file

    names = {}
    for key, entry in parse_file(str(root / "book" / "references.bib")).entries.items():
        people = [" ".join(person.last_names) for person in entry.persons.get("author", [])]
        if len(people) > 2 or "others" in people:
            people = [f"{people[0]} et al."]
        year = entry.fields.get("year")
        name = " and ".join(people) or key
        title = re.sub(r"[{}]", "", entry.fields.get("title", ""))
        names[key] = (f"{name} ({year})" if year else name), title
    return names


def verdict_page(book: Book, verdicts: list[Verdict]) -> str:
    """Return the verdict page as MyST Markdown, claims grouped by source."""
    names = {chapter.slug: chapter for chapter in book.chapters}
    known = source_names(book.root)
    counts = claims_summary(verdicts)
    lines = [
        "# Verdicts",
        "",
        "Every claim of the ledger beside what this book measured. A verdict is computed from "
        "the claim, a rule and the measurement; where no rule can decide it is marked "
        "*(judged)* and gives its reason. *Published only* and *not run here* are what they say.",
        "",
        f"Of {len(verdicts)} claims {counts['holds']} hold, {counts['conditional']} hold under "
        f"conditions, {counts['fails']} fail, and {counts['open']} are open.",
        "",
    ]
    sources = dict.fromkeys(item.claim.source for item in verdicts)
    for source in sources:
        if source == "own":
            heading, about = "Results of this book", ""
        else:
            heading, title = known.get(source, (source, ""))
            about = f"*{title}* {{cite:p}}`{source}`\n"
        table = markdown_table(
            [item for item in verdicts if item.claim.source == source],
            link=lambda slug: (
                f"[{names[slug].title}](./{names[slug].name}.ipynb)" if slug in names else slug
            ),
        )
        lines += [f"## {heading}", "", about, table, ""]
    return "\n".join(lines)


def write_claims(book: Book) -> list[Verdict]:
    """Write `_build/claims.json` and the verdict page; return the verdicts."""
    verdicts = collect_verdicts(book)
    write_text(book.site / "_build" / "claims.json", claims_json(verdicts))
    write_text(book.built / "verdicts.md", verdict_page(book, verdicts))
    return verdicts


def stage(book: Book) -> None:
    """Copy what jupyter-book needs into a site folder other than the checkout."""
    for name in ("_config.yml", "_toc.yml"):
        shutil.copy2(book.root / name, book.site / name)
    shutil.copytree(
        book.root / "book",
        book.site / "book",
        ignore=lambda folder, _: ["chapters"] if Path(folder) == book.root / "book" else [],
        dirs_exist_ok=True,
    )


def site_fingerprint(site: Path, constraints: Path) -> str:
    """Return the checksum of everything that the rendered site depends on."""
    files = [site / "_config.yml", site / "_toc.yml", constraints]
    files += [path for path in sorted((site / "book").rglob("*")) if path.is_file()]
    parts: list[bytes | str] = []
    for path in files:
        if path.is_file() and not path.name.startswith(".") and "__pycache__" not in path.parts:
            parts += [
                path.name if path == constraints else str(path.relative_to(site)),
                path.read_bytes(),
            ]
    return sha256(*parts)


def html_is_fresh(book: Book) -> bool:
    """Return whether the rendered site shows the present sources."""
    stamp = book.html / _STAMP
    return stamp.is_file() and stamp.read_text() == site_fingerprint(
        book.site, book.root / "constraints.txt"
    )


def render(book: Book) -> None:
    """Render the whole site strictly and put it in place in one step.

    Raises
    ------
    PaperError
        Sphinx warned or failed; the site that was there stays.
    """
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
    if place.exists():
        place.rename(old)
    new.rename(place)
    shutil.rmtree(old, ignore_errors=True)


def _render(site: Path, flags: list[str], build: Path, kind: str) -> Path:
    """Run jupyter-book on `site`; return the folder that holds `_build/html`."""
    build.mkdir(parents=True, exist_ok=True)
    scratch = _scratch(build)
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
    """Render one executed notebook as a site of its own; return the page.

    Parameters
    ----------
    root : Path
        The checkout, for settings, style and bibliography.
    chapter : Chapter
    notebook : Path
        The executed notebook.
    out : Path
        Folder that receives `html/`.
    """
    site = _scratch(root / "_build")
    try:
        _stage_page(root, chapter, notebook, site)
        # References to other chapters have no target here, so this build is not strict.
        scratch = _render(site, [], root / "_build", "own-page")
        try:
            _swap(scratch / "_build" / "html", out / "html")
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    finally:
        shutil.rmtree(site, ignore_errors=True)
    return out / "html" / "book" / "chapters" / f"{chapter.name}.html"


def _stage_page(root: Path, chapter: Chapter, notebook: Path, site: Path) -> None:
    """Lay out a book of one chapter and the bibliography in the folder `site`."""
    shutil.copy2(root / "_config.yml", site)
    shutil.copytree(
        root / "book",
        site / "book",
        ignore=lambda at, _: ["chapters"] if Path(at) == root / "book" else [],
    )
    for page in (site / "book").glob("*.md"):
        if page.name != "bibliography.md":
            page.unlink()
    (site / "book" / "chapters").mkdir()
    shutil.copy2(notebook, site / "book" / "chapters" / f"{chapter.name}.ipynb")
    toc = {
        "format": "jb-book",
        "root": f"book/chapters/{chapter.name}",
        "chapters": [{"file": "book/bibliography"}],
    }
    (site / "_toc.yml").write_text(json.dumps(toc))


def _scratch(build: Path) -> Path:
    """Return a new folder that the next run removes should this process be killed."""
    folder = build / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))


def claims_summary(verdicts: list[Verdict]) -> dict[str, Any]:
    """Return how many claims have each verdict."""
    return {
        word: sum(item.verdict == word for item in verdicts)
        for word in ("holds", "conditional", "fails", "open")
    }
