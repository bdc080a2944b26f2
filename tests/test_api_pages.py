"""The pages on the package show every public name, each with what a user needs."""

from __future__ import annotations

import doctest
import inspect
import re
import runpy

import pytest

import paper_utils

PUBLIC = [name for name in paper_utils.__all__ if not name.startswith("__")]


def shown(root) -> list[str]:
    pages = sorted((root / "book" / "api").glob("*.md"))
    found = [re.findall(r"auto\w+:: paper_utils\.(\w+)$", page.read_text(), re.M) for page in pages]
    return [name for names in found for name in names]


def test_every_public_name_stands_on_one_page(root):
    assert sorted(shown(root)) == sorted(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_says_what_it_takes_gives_and_raises(name):
    thing = getattr(paper_utils, name)
    text = inspect.getdoc(thing) or ""
    assert text.splitlines()[0].endswith((".", "?")), f"{name} has no summary line"
    if inspect.isclass(thing):
        return
    taken = [one for one in inspect.signature(thing).parameters if not one.startswith("_")]
    section = re.search(r"^Parameters\n-+\n(.*?)(?:^\w+\n-+\n|\Z)", text, re.M | re.S)
    told = re.findall(r"^([\w, *]+?)(?: :.*)?$", section[1], re.M) if section else []
    told = [one.strip(" *") for line in told for one in line.split(",")]
    if "Parameters" in text:
        assert set(taken) <= set(told), f"{name}: {set(taken) - set(told)} is not explained"
    assert re.search(r"^Returns\n-+\n|^Yields\n-+\n", text, re.M) or name.startswith("check_")
    assert doctest.DocTestParser().get_examples(text), f"{name} has no example"


def test_bars_in_a_docstring_are_text_and_not_a_substitution(root):
    escape = runpy.run_path(str(root / "book" / "_ext" / "paper_api.py"))["escape_bars"]
    lines = ["of length |x|", ">>> a | b", ".. math:: |x|", "   |y|", "", "then |z| and ``|``"]
    assert escape(lines) == [
        r"of length \|x\|",
        ">>> a | b",
        ".. math:: |x|",
        "   |y|",
        "",
        r"then \|z\| and ``|``",
    ]


def test_a_reference_in_a_docstring_leads_to_something_of_the_package(root):
    exists = runpy.run_path(str(root / "book" / "_ext" / "paper_api.py"))["_exists"]
    assert exists("paper_utils.search.topk.top_k") and exists("paper_utils.theory.margin")
    assert not exists("paper_utils.search.no_such_module") and not exists("no_such_function")
