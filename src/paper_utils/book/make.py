"""`paper build` and `paper run`: what to execute, then what to render."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from paper_utils.book import overview, site, untouched
from paper_utils.book.chapters import Chapter
from paper_utils.book.runner import Job, Outcome, Progress, run_jobs
from paper_utils.book.state import Book, chapter_fingerprint, check_shared_names
from paper_utils.errors import PaperError, UsageError

BUDGET_SECONDS = 90  # what the design allows a chapter on one thread


@dataclass(frozen=True)
class BuildReport:
    """What a build did."""

    outcomes: list[Outcome]  # of the chapters that were executed
    fresh: int  # chapters that were up to date
    rendered: bool  # whether the site was rendered anew

    @property
    def failures(self) -> list[Outcome]:
        """Return the chapters that failed."""
        return [outcome for outcome in self.outcomes if outcome.error]


@contextmanager
def _only_build(root: Path) -> Iterator[None]:
    folder = root / "_build"
    folder.mkdir(exist_ok=True)
    lock = FileLock(folder / ".lock")  # the kernel drops it when a build is killed
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout:
        raise PaperError("another build of this checkout is running; wait for it") from None


def build(
    book: Book, *, workers: int | None = None, html: bool = True, only: Chapter | None = None
) -> BuildReport:
    """Execute what is stale (no chapter but `only`), then render the site if no chapter failed.

    `workers` chapters run side by side, by default one per processor. PaperError: a malformed
    ledger or profile, another build at work, or a warning of Sphinx.
    """
    with _only_build(book.root):
        whole = html and only is None
        if whole and untouched.is_untouched(book):
            return BuildReport([], len(book.chapters), rendered=False)
        before = untouched.sources(book)
        if book.site != book.root:
            book.site.mkdir(parents=True, exist_ok=True)
            site.stage(book)
        _drop_strays(book)
        stale = book.stale()
        asked = [chapter for chapter in stale if only in (None, chapter)]
        chosen = [chapter for chapter in asked if not chapter.broken]
        for chapter in chosen:
            check_shared_names(_all_values(chapter, book.parameters(chapter)))
        outcomes = run_jobs(
            [_job(book, chapter) for chapter in chosen],
            root=book.root,
            workers=workers or os.cpu_count() or 1,
        )
        outcomes += [
            Outcome(_bare_job(book, chapter), 0.0, chapter.broken)
            for chapter in asked
            if chapter.broken
        ]
        rendered = False
        if not any(outcome.error for outcome in outcomes):
            site.write_claims(book)
            if html and not site.html_is_fresh(book):
                site.render(book)
                rendered = True
            if whole:
                untouched.remember(book, before)
                overview.overview(book, before)
        return BuildReport(outcomes, len(book.chapters) - len(stale), rendered)


def _bare_job(book: Book, chapter: Chapter) -> Job:
    return Job(
        name=chapter.slug,
        source=chapter.path,
        target=book.target(chapter),
        failed=book.failed / f"{chapter.name}.ipynb",
        profile=book.profile,
    )


def _job(book: Book, chapter: Chapter) -> Job:
    parameters = book.parameters(chapter)
    return replace(
        _bare_job(book, chapter),
        parameters=parameters,
        stamp={
            "chapter": chapter.slug,
            "fingerprint": book.fingerprint(chapter),
            "profile": book.profile,
            "parameters": parameters,
        },
    )


def _drop_strays(book: Book) -> None:
    """Remove built notebooks whose source is gone: the book must not show them."""
    names = {chapter.name for chapter in book.chapters}
    for path in book.built.glob("*.ipynb"):
        if path.stem not in names:
            path.unlink()


def _all_values(chapter: Chapter, given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: item.default for name, item in chapter.parameters.items()} | dict(given)


def _absolute(value: Any) -> Any:
    """Make paths of files and folders absolute: chapters run in the book's folder.

    A bare word (``en``, ``minilm``) stays as it is, even where a file of that name lies about:
    every file that a chapter reads has an ending.
    """
    if isinstance(value, list):
        return [_absolute(item) for item in value]
    if not isinstance(value, str):
        return value
    kind, colon, path = value.partition(":")
    if kind not in ("hf", "vectors"):
        kind, colon, path = "", "", value
    if not (colon or Path(path).suffix):
        return value
    try:
        exists = Path(path).exists() and (kind == "hf" or Path(path).is_file())
    except (OSError, ValueError):
        return value
    return f"{kind}{colon}{Path(path).resolve()}" if exists else value


def _check_titles(values: Mapping[str, Any], least: float | None) -> None:
    """Load the titles that a run asks for: no column, too few of them is seen at once."""
    spec = values.get("catalogue")
    if spec is None:
        return
    from paper_utils.data import load_catalogue

    chosen = {name: values[name] for name in ("language", "n_items", "seed") if values.get(name)}
    if str(spec).partition(":")[0] == "diy":  # it generates as many as asked for
        chosen["n_items"], least = 1, None
    found = len(load_catalogue(spec, **chosen))
    if least is not None and found < least:
        raise UsageError(
            f"{spec} has only {found:,} such titles; the chapter needs at least {least:g}"
        )


def writable(folder: Path) -> None:
    """Create `folder` where it is missing and try to write into it, before anything long begins."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"output folder {folder}: {reason}; choose another with -o") from None


def run(
    root: Path,
    chapter: Chapter,
    given: Mapping[str, Any],
    out: Path,
    *,
    html: bool = False,
) -> tuple[Path, Path | None]:
    """Execute one chapter with a reader's parameters, apart from the book: (notebook, page).

    `given` is checked before anything runs. `out` receives the notebook and, with `html`, the page.
    """
    parameters = {name: _absolute(value) for name, value in chapter.resolve(given).items()}
    values = _all_values(chapter, parameters)
    check_shared_names(values)
    sample = chapter.parameters.get("n_items")
    _check_titles(values, sample and sample.bound("at least"))
    job = Job(
        name=chapter.slug,
        source=chapter.path,
        target=out / f"{chapter.name}.ipynb",
        failed=out / f"{chapter.name}.failed.ipynb",
        parameters=parameters,
        stamp={
            "chapter": chapter.slug,
            "fingerprint": chapter_fingerprint(root, chapter, parameters, "custom"),
            "profile": "custom",
            "parameters": parameters,
        },
        profile="custom",
    )
    writable(out)
    outcome = run_jobs([job], root=root, workers=1, threads=None, progress=Progress(1))[0]
    if outcome.mistake:
        raise UsageError(f"{outcome.mistake} (as far as it came: {job.failed})")
    if outcome.error:
        raise PaperError(f"{chapter.slug} {outcome.error}")
    page = site.render_page(root, chapter, job.target, out) if html else None
    return job.target, page
