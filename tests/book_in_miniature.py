"""A tiny book in a folder of its own, for tests of the machinery."""

from __future__ import annotations

from pathlib import Path

HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# {title}
"""

PARAMETERS = """
```{code-cell} ipython3
:tags: [parameters]

n_items: int = 200  # at least 50; at most 5_000
language: str = "ru"  # one of: ru, en
noise: float = 0.1  # a share
seeds: list = [0, 1]  # one run each
```
"""

CLAIMS = """
- id: T-1
  source: own
  at: here
  statement: Half of the items is one hundred.
  claimed: 100
  kind: arithmetic
  rule: {kind: within, abs: 1}
  chapter: first
"""

RECORD = """
```{code-cell} ipython3
from paper_utils.claims import record, verdicts

record("T-1", measured=n_items * 0.5, n=n_items)
```

```{code-cell} ipython3
verdicts()
```
"""


def cell(code: str) -> str:
    """Return `code` as a code cell."""
    return f"\n```{{code-cell}} ipython3\n{code}\n```\n"


def make_book(folder: Path, chapters: dict[str, str] | None = None) -> Path:
    """Write a book of `chapters` (file name -> body) into `folder` and return it."""
    if chapters is None:
        chapters = {"01-first.md": PARAMETERS + RECORD}
    (folder / "notebooks").mkdir(parents=True)
    (folder / "book").mkdir()
    for name, body in chapters.items():
        title = name.removesuffix(".md")
        (folder / "notebooks" / name).write_text(HEADER.replace("{title}", title) + body)
    toc = ["format: jb-book", "root: book/index", "chapters:"]
    toc += [f"  - file: book/chapters/{name.removesuffix('.md')}" for name in chapters]
    toc += [
        f"  - file: book/{name}"
        for name in ("chapters/verdicts", "chapters/verdicts-own", "chapters/runs", "reproduce")
    ]
    (folder / "_toc.yml").write_text("\n".join(toc) + "\n")
    config = "title: Tiny\nonly_build_toc_files: true\nexecute: {execute_notebooks: 'off'}\n"
    (folder / "_config.yml").write_text(config)
    for name in ("index", "reproduce"):
        (folder / "book" / f"{name}.md").write_text(f"# {name}\n")
    (folder / "book" / "references.bib").write_text("")
    (folder / "book" / "claims.yml").write_text(CLAIMS)
    (folder / "profiles.yml").write_text("smoke:\n  first: {n_items: 60}\n")
    (folder / "constraints.txt").write_text("")
    return folder
