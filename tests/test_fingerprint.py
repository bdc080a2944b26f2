"""What counts as a change of code, and what does not."""

from __future__ import annotations

import os

import pytest

from paper_utils import fingerprint


def test_modules_are_found_through_public_names_and_transitively():
    used = fingerprint.modules_used("from paper_utils.published import published")
    assert "paper_utils.published" in used
    assert "paper_utils.errors" in used, "an import of an import counts"
    assert "paper_utils.claims" not in used, "what is not used does not count"


def test_what_is_left_out_is_not_followed_either():
    code = "from paper_utils import results"
    assert "paper_utils.encoders.cache" in fingerprint.modules_used(code)
    assert fingerprint.modules_used(code, without=["paper_utils.results"]) == []


def test_attribute_access_on_the_package_counts():
    assert fingerprint.modules_used("import paper_utils as p\np.UsageError") == [
        "paper_utils.errors"
    ]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("x = 1\n", "x = 1  # why\n", True),
        ('def f():\n    "doc"\n    return 1\n', "def f():\n    return 1\n", True),
        ("def f():\n    return 1\n", "def f():\n\n    return (1)\n", True),
        ("def f():\n    return 1\n", "def f():\n    return 2\n", False),
        ("from paper_utils import errors\n", "from paper_utils import checks\n", False),
    ],
)
def test_only_what_can_change_a_value_changes_the_key(tmp_path, monkeypatch, before, after, same):
    package = tmp_path / "paper_utils"
    package.mkdir()
    monkeypatch.setattr(fingerprint, "SOURCES", tmp_path)
    keys = []
    for number, text in enumerate((before, after)):
        path = package / f"m{number}.py"
        path.write_text(text)
        keys.append(fingerprint._parsed(path).checksum)
    assert (keys[0] == keys[1]) is same


def test_data_files_count_by_content_where_a_module_names_them(tmp_path, monkeypatch):
    monkeypatch.setattr(fingerprint, "RESOURCES", tmp_path)
    path = tmp_path / "published" / "a.yml"
    path.parent.mkdir()
    path.write_text("a: 1")
    reads, ignores = ["paper_utils.published"], ["paper_utils.errors"]
    first, other = fingerprint.code_key(reads), fingerprint.code_key(ignores)
    os.utime(path, (1, 1))
    assert fingerprint.code_key(reads) == first, "touching a file changes nothing"
    path.write_text("a: 2")
    assert fingerprint.code_key(reads) != first
    assert fingerprint.code_key(ignores) == other
