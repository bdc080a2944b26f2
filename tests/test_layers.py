"""What the contracts of import-linter cannot see: notebooks, and how many a module serves."""

from __future__ import annotations

import re

import paper_utils
from paper_utils.book.chapters import find_chapters
from paper_utils.fingerprint import modules_used


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


def _modules(root, package):
    """Return the dotted names of the modules of a package, its `__init__` files left out."""
    files = sorted((root / "src" / package).rglob("*.py"))
    names = [file.relative_to(root / "src").with_suffix("").as_posix() for file in files]
    return [name.replace("/", ".") for name in names if not name.endswith("__init__")]


def _reached(modules, code=""):
    return set(modules_used("\n".join([code, *(f"import {module}" for module in modules)])))


def test_a_module_of_the_helper_serves_two_users_or_a_public_name(root):
    """Users are each chapter with its wing, the audit, and the commands with book and results. The
    panel serves many chapters, through its records and by `load_encoder`, which imports it late.
    """
    helper, wings = _modules(root, "paper_utils"), _modules(root, "paper_chapters")
    commands = [name for name in helper if re.match(r"paper_utils\.(cli|book|results)", name)]
    users = [_reached(commands), _reached(_modules(root, "embedding_audit"))]
    for chapter in find_chapters(root):
        wing = f"paper_chapters.{chapter.slug.replace('-', '_')}."
        users.append(_reached([name for name in wings if name.startswith(wing)], chapter.code))
    exported = {f"paper_utils.{module}" for module in paper_utils._EXPORTS.values()}
    public = _reached(exported.union(m for m in helper if m.startswith("paper_utils.panel.")))
    needed = public.union(commands)
    lonely = {name: sum(name in user for user in users) for name in helper if name not in needed}
    alone = [f"{name}: {count} users" for name, count in lonely.items() if count < 2]
    assert not alone, "\n".join(alone)
