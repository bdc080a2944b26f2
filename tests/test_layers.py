"""What the contracts of import-linter cannot see: the imports of notebooks."""

from __future__ import annotations

import re


def test_a_chapter_imports_its_own_folder_only(root):
    """Notebook NN-slug.md imports from paper_chapters.slug, of all of paper_chapters."""
    strangers = []
    for path in sorted((root / "notebooks").glob("*.md")):
        own = path.stem.partition("-")[2].replace("-", "_")
        found = re.findall(
            r"\bpaper_chapters(?:\.| import )(\w+)", path.read_text(encoding="utf-8")
        )
        strangers += [f"{path.name}: paper_chapters.{name}" for name in found if name != own]
    assert not strangers, "\n".join(strangers)
