"""`paper audit`: check what is given, foresee what it takes, and execute the audit's notebook."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedding_audit.cloud.cluster import workers
from embedding_audit.cloud.forecast import forecast, memory_short
from embedding_audit.inputs import read_inputs, read_titles
from embedding_audit.readers import shown
from paper_utils.book.chapters import find_chapters, pick_chapter
from paper_utils.book.make import run, writable
from paper_utils.book.state import check_shared_names
from paper_utils.errors import UsageError

CHAPTER = "audit"


@dataclass(frozen=True)
class Audited:
    """Where an audit lies, and what it says."""

    notebook: Path
    page: Path
    report: Path
    content: dict[str, Any]

    @property
    def damaged(self) -> bool:
        """Whether rows with NaN or infinite values were left out."""
        return any(self.content["rows"][kind]["value"] for kind in ("nan", "infinite"))

    def lines(self) -> list[str]:
        """Return what to print at the end."""
        found = [f"report:   {self.report}", f"notebook: {self.notebook}", f"page:     {self.page}"]
        found += [f"note:     {note}" for note in self.content["notes"]]
        for row in self.content["advice"]:
            if row["state"] == "applies":
                word = "caution:" if row["helps"] == "no" else "advice:"
                because = "; ".join(row["because"])
                found.append(f"{word:<9} {row['title']}" + (f" ({because})" if because else ""))
        return found


def run_audit(
    root: Path,
    out: Path,
    *,
    embeddings: str | None,
    queries: str | None,
    texts: str | None,
    query_texts: str | None,
    qrels: str | None,
    model: str | None,
    catalogue: str | None,
    settings: dict[str, Any],
    tell: Callable[[str], None],
) -> Audited:
    """Execute the audit's notebook on a user's files; `settings` are further parameters of it.
    Files are read once here, so that what is wrong with them is said before a kernel starts; `tell`
    receives the forecast. UsageError: options that do not go together, or files that cannot be
    used; PaperError: the notebook failed.
    """
    chapter = pick_chapter(find_chapters(root), CHAPTER)
    given: dict[str, Any] = {k: v for k, v in settings.items() if v is not None}
    chapter.resolve(given)
    files = {"queries": queries, "texts": texts, "query_texts": query_texts, "qrels": qrels}
    files = {name: _absolute(path) for name, path in files.items() if path}
    given |= files
    if embeddings is not None:
        if model or catalogue:
            raise UsageError("give either EMBEDDINGS or --model with --catalogue, not both")
        given["embeddings"] = _absolute(embeddings)
        vectors = read_inputs(given["embeddings"], **files).vectors
        needed = forecast(vectors, exact_up_to=given.get("exact_up_to", 50_000))
        n, d = vectors.shape
        tell(f"{vectors.name}: {n:,} x {d} {vectors.dtype}; foreseen: {needed}")
        if memory_short(needed):
            tell(f"note: less than {needed.gib:.1f} GiB of memory are free")
        del vectors
    else:
        if not (model and catalogue):
            raise UsageError(
                "give a file of EMBEDDINGS, or --model and --catalogue to encode titles first"
            )
        for name in ("texts", "query_texts"):
            if name in files:
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} goes with EMBEDDINGS; the catalogue has its own texts")
        own = catalogue.partition(":")[0] == "diy"
        given |= {"model": model, "catalogue": catalogue, "language": "ru" if own else "all"}
        given |= {"n_items": 0}
        check_shared_names({"model": model, "catalogue": catalogue})
        read_titles(catalogue, language=given["language"], **files)
        tell(f"{model} encodes {shown(catalogue)} first; vectors that are kept are not made again")
    if given.get("scheduler"):
        with workers(given["scheduler"]):
            pass  # somebody answers
    report = out / "report.json"
    given["report"] = str(report)
    writable(out)
    report.unlink(missing_ok=True)  # never one of an earlier run beside a failed notebook
    notebook, page = run(root, chapter, given, out, html=True)
    return Audited(notebook, page, report, json.loads(report.read_text(encoding="utf-8")))


def _absolute(path: str) -> str:
    """The file as the kernel, which runs in another folder, finds it."""
    if "\0" in path:
        raise UsageError(f"{path!r} is no path: it holds a zero character")
    return str(Path(path).expanduser().absolute())
