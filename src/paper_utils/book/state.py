"""What is out of date, by fingerprint alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from paper_utils.book.chapters import Chapter, find_chapters, pick_chapter
from paper_utils.claims import accepted
from paper_utils.claims.ledger import entries_in
from paper_utils.errors import PaperError, UsageError, did_you_mean
from paper_utils.fingerprint import canonical_json, file_sha256, modules_used, sha256
from paper_utils.results import shown

PROFILES = ("default", "full", "smoke")
_ACCEPTED = accepted.__name__


@dataclass(frozen=True)
class Book:
    """The book in one checkout, under one profile."""

    root: Path
    profile: str = "default"  # `smoke` is built apart, under `_build/smoke/`

    def __post_init__(self) -> None:
        if self.profile not in PROFILES:
            raise UsageError(f"profile {self.profile!r}; {did_you_mean(self.profile, PROFILES)}")

    @property
    def site(self) -> Path:
        """Return the folder that jupyter-book renders."""
        return self.root / "_build" / "smoke" if self.profile == "smoke" else self.root

    @property
    def built(self) -> Path:
        """Return the folder of executed notebooks."""
        return self.site / "book" / "chapters"

    @property
    def html(self) -> Path:
        """Return the folder of the rendered site."""
        return self.site / "_build" / "html"

    @property
    def failed(self) -> Path:
        """Return the folder where failed notebooks are kept."""
        return self.root / "_build" / "failed"

    @cached_property
    def chapters(self) -> list[Chapter]:
        """Return all chapters in reading order."""
        return find_chapters(self.root)

    @cached_property
    def overrides(self) -> dict[str, dict[str, Any]]:
        """Return the profile's parameters by chapter name, checked."""
        path = self.root / "profiles.yml"
        table = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        for profile in table:
            if profile not in PROFILES:
                raise PaperError(f"profiles.yml: {profile!r}; {did_you_mean(profile, PROFILES)}")
        chosen = {}
        for slug, given in (table.get(self.profile) or {}).items():
            try:
                chapter = pick_chapter(self.chapters, slug)
                chosen[chapter.name] = chapter.resolve(given or {})
            except UsageError as error:
                raise PaperError(f"profiles.yml, {self.profile}: {error}") from None
        return chosen

    def parameters(self, chapter: Chapter) -> dict[str, Any]:
        """Return this profile's overrides for `chapter`; smoke has some for every chapter."""
        if self.profile == "smoke" and chapter.name not in self.overrides:
            return chapter.smallest
        return self.overrides.get(chapter.name, {})

    def target(self, chapter: Chapter) -> Path:
        """Return where the executed notebook of `chapter` lies."""
        return self.built / f"{chapter.name}.ipynb"

    def fingerprint(self, chapter: Chapter) -> str:
        """Return the checksum of all that the executed chapter depends on."""
        return chapter_fingerprint(self.root, chapter, self.parameters(chapter), self.profile)

    def state(self, chapter: Chapter) -> str:
        """Return `fresh`, `stale`, `missing`, `failed`, or `broken`: not a chapter at all."""
        if chapter.broken:
            return "broken"
        fingerprint = self.fingerprint(chapter)
        if stamp_of(self.target(chapter)).get("fingerprint") == fingerprint:
            return "fresh"
        if stamp_of(self.failed / f"{chapter.name}.ipynb").get("fingerprint") == fingerprint:
            return "failed"
        return "stale" if self.target(chapter).is_file() else "missing"

    def stale(self) -> list[Chapter]:
        """Return the chapters that have to be executed."""
        return [chapter for chapter in self.chapters if self.state(chapter) != "fresh"]


def stamp_of(path: Path) -> Mapping[str, Any]:
    """Return the `paper` metadata of an executed notebook, empty when there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))["metadata"]["paper"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def chapter_fingerprint(
    root: Path, chapter: Chapter, parameters: Mapping[str, Any], profile: str
) -> str:
    """Return the checksum of what an executed chapter depends on.

    Its source; code and data files of the modules it uses; parameters and the files they name;
    profile; pinned versions; its ledger entries; the long results it names. A chapter that quotes
    other chapters depends on the whole ledger and on all accepted values but its own.
    """
    parts = [
        chapter.path.read_text(encoding="utf-8"),
        chapter.code_key,
        canonical_json(dict(parameters)),
        profile,
        canonical_json(_ledger_entries(root, chapter)),
        _text(root / "constraints.txt"),
    ]
    if _ACCEPTED in modules_used(chapter.code):
        others = accepted.load(root, "default").items()
        others = {id: entry for id, entry in others if entry["chapter"] != chapter.slug}
        parts += [_text(root / "book" / "claims.yml"), canonical_json(others)]
    for path in results_named(root, chapter):
        parts += [path.name, shown(path)]
    values = {name: item.default for name, item in chapter.parameters.items()} | dict(parameters)
    for value in values.values():
        for item in value if isinstance(value, list) else [value]:
            path = _as_file(root, item)
            if path is not None:
                parts.append(file_sha256(path))
    return sha256(*parts)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _ledger_entries(root: Path, chapter: Chapter) -> list[Any]:
    entries = entries_in(_text(root / "book" / "claims.yml"))
    return [entry for entry in entries if entry.get("chapter") == chapter.slug]


def results_named(root: Path, chapter: Chapter) -> list[Path]:
    """Return the files of the long results that the code of `chapter` names."""
    paths = sorted((root / "results").glob("*.json"))
    return [path for path in paths if re.search(rf"[\"']{re.escape(path.stem)}[\"']", chapter.code)]


def _as_file(root: Path, value: Any) -> Path | None:
    if not isinstance(value, str) or not value:
        return None
    path = root / value
    try:
        return path if path.is_file() else None
    except OSError:
        return None


def check_shared_names(parameters: Mapping[str, Any]) -> None:
    """Check that catalogues and encoders named exist and can be reached, before a kernel starts."""
    for name, value in parameters.items():
        for item in value if isinstance(value, list) else [value]:
            if name == "catalogue":
                from paper_utils.data import check_catalogue

                check_catalogue(item)
            elif name in ("models", "model"):
                from paper_utils.encoders import check_encoder

                check_encoder(item)


def toc_files(root: Path) -> list[str]:
    """Return all files that `_toc.yml` names, in order."""
    toc = yaml.safe_load(_text(root / "_toc.yml"))
    return [toc["root"], *pages_in(toc)]


def pages_in(part: Mapping[str, Any]) -> list[str]:
    """Return the pages of `_toc.yml` or of a part of it, sections included.

    >>> pages_in({"chapters": [{"file": "a", "sections": [{"file": "b"}]}]})
    ['a', 'b']
    """
    names = [name for one in part.get("parts", []) for name in pages_in(one)]
    for entry in part.get("chapters", []) + part.get("sections", []):
        names += [entry["file"], *pages_in(entry)]
    return names
