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


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A helper with a resource, and two chapters of which one has a data file."""
    texts = {
        "paper_utils/__init__.py": "",
        "paper_utils/reads.py": 'PATH = "resources/published"\n',
        "paper_utils/ignores.py": 'PATH = "resources"\n',
        "paper_utils/resources/published/a.yml": "a: 1",
        "paper_chapters/__init__.py": "",
        "paper_chapters/one/__init__.py": "",
        "paper_chapters/one/rows.py": 'TABLE = "labels/labels.csv"\n',
        "paper_chapters/one/labels.csv": "1",
        "paper_chapters/two/__init__.py": "",
        "paper_chapters/two/rows.py": 'TABLE = "labels.csv"\n',
    }
    for name, text in texts.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(fingerprint, "SOURCES", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "reads", "ignores"),
    [
        ("paper_utils/resources/published/a.yml", "paper_utils.reads", "paper_utils.ignores"),
        ("paper_chapters/one/labels.csv", "paper_chapters.one.rows", "paper_chapters.two.rows"),
    ],
)
def test_data_files_count_by_content_where_a_module_of_their_package_names_them(
    tree, file, reads, ignores
):
    first, other = fingerprint.code_key([reads]), fingerprint.code_key([ignores])
    os.utime(tree / file, (1, 1))
    assert fingerprint.code_key([reads]) == first, "touching a file changes nothing"
    (tree / file).write_text("2")
    assert fingerprint.code_key([reads]) != first
    assert fingerprint.code_key([ignores]) == other


def test_files_beside_a_module_enter_its_key(monkeypatch):
    read = []
    bytes_of = fingerprint.Path.read_bytes
    monkeypatch.setattr(
        fingerprint.Path, "read_bytes", lambda path: (read.append(path.name), bytes_of(path))[1]
    )
    fingerprint.code_key(fingerprint.modules_used("import paper_utils.data.title_task"))
    assert {"title_classes.yml", "diy.yml"} <= set(read) and "title_labels.csv" not in read
    fingerprint.code_key(
        fingerprint.modules_used("import paper_chapters.real_catalogue.title_search")
    )
    assert "title_labels.csv" in read
