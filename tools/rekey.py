# ruff: noqa: T201
"""One-off: gives the records in results/ the keys of the moved modules, and refuses all else.

    python tools/rekey.py OLD_CHECKOUT MAP.json

A record keeps its values and gets a new key only where (1) its key was that of the old checkout,
(2) the modules that its experiment reaches are the same ones under their new names, and (3) each
has the same syntax tree once names are mapped back: docstrings aside, and imports compared as a
set per block, since only their order and layout follow from the names. Data files that a module
names must be equal byte for byte. Old key, commit and function stay in the record, under `moved`.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("paper_utils", "paper_chapters", "embedding_audit")
_ASK = """
import json
from paper_utils.fingerprint import modules_used
from paper_utils.results import registry
found = {}
for name, item in registry.experiments().items():
    module = item.function.__module__
    used = modules_used(f"import {module}", without=registry._PLUMBING)
    function = f"{module}:{item.function.__name__}"
    found[name] = {"function": function, "modules": used, "key": item.code_key}
print(json.dumps(found))
"""


def asked(checkout: Path) -> dict:
    """What the code of a checkout says of its experiments: function, modules reached, key."""
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "PAPER_ROOT": str(checkout)}
    outcome = subprocess.run(
        [sys.executable, "-c", _ASK], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(outcome.stdout.splitlines()[-1])


def module_file(checkout: Path, module: str) -> Path:
    base = checkout.joinpath("src", *module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def renamed(text: str, names: dict[str, str]) -> str:
    return re.sub(r"paper_utils(\.\w+)+", lambda found: names.get(found[0], found[0]), text)


def canonical(checkout: Path, module: str, names: dict[str, str]) -> str:
    """The syntax tree of a module without docstrings, imports sorted, names mapped by `names`."""
    tree = ast.parse(module_file(checkout, module).read_text(encoding="utf-8"))

    def target(source: str, name: str) -> str:
        whole = f"{source}.{name}"
        if whole in names:
            return names[whole]
        return f"{names.get(source, source)}.{name}"

    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = renamed(node.value, names)
        for field in ("body", "orelse", "finalbody"):
            body = getattr(node, field, None)
            if not isinstance(body, list):
                continue
            first = body[0] if body else None
            docstring = (
                field == "body"
                and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
                and isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            )
            imported, rest = set(), []
            for item in body[1:] if docstring else body:
                if isinstance(item, ast.Import):
                    imported |= {
                        (names.get(a.name, a.name), a.asname or a.name) for a in item.names
                    }
                elif isinstance(item, ast.ImportFrom):
                    assert item.level == 0, f"{module}: a relative import"
                    imported |= {
                        (target(item.module, a.name), a.asname or a.name) for a in item.names
                    }
                else:
                    rest.append(item)
            setattr(node, field, [ast.Constant(repr(sorted(imported))), *rest])
    return ast.dump(tree)


def is_empty(checkout: Path, module: str) -> bool:
    """Whether a module is a docstring at most: the `__init__` of a folder."""
    tree = ast.parse(module_file(checkout, module).read_text(encoding="utf-8"))
    return all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in tree.body)


def resources(checkout: Path, names: dict[str, str]) -> dict[str, str]:
    base = checkout / "src" / "paper_utils" / "resources"
    paths = [path for path in base.rglob("*") if path.is_file()]
    return {str(p.relative_to(base)): renamed(p.read_text("utf-8"), names) for p in paths}


def texts(checkout: Path, module: str) -> set[str]:
    tree = ast.parse(module_file(checkout, module).read_text(encoding="utf-8"))
    constants = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
    return {part for text in constants if isinstance(text, str) for part in text.split("/")}


def refusal(
    record: dict, before: dict, after: dict, old: Path, names: dict, changed: set[str]
) -> str:
    """Why a record gets no new key; empty when it may have one."""
    if record["code_key"] != before["key"]:
        return "its key is not that of the old checkout"
    was = {m for m in before["modules"] if not is_empty(old, m)}
    now = {m for m in after["modules"] if not is_empty(ROOT, m)}
    if {names.get(m, m) for m in was} != now:
        return f"reaches other modules: {sorted({names.get(m, m) for m in was} ^ now)}"
    for module in sorted(was):
        if canonical(old, module, names) != canonical(ROOT, names.get(module, module), {}):
            return f"{module} is not {names.get(module, module)} under another name"
        for file in changed:
            if set(file.split("/")) & texts(old, module):
                return f"the data file {file}, which {module} names, has changed"
    return ""


def main() -> int:
    from paper_utils.results.record import load, save

    old, names = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8"))
    before, after = asked(old), asked(ROOT)
    one, other = resources(old, names), resources(ROOT, {})
    changed = {file for file in one | other if one.get(file) != other.get(file)}
    refused = 0
    for path in sorted((ROOT / "results").glob("*.json")):
        record = load(path)
        name = record["name"]
        why = refusal(record, before[name], after[name], old, names, changed)
        if why:
            print(f"{name}: refused: {why}")
            refused += 1
            continue
        record.setdefault("moved", []).append(
            {
                "code_key": record["code_key"],
                "commit": record["commit"],
                "function": before[name]["function"],
            }
        )
        record |= {"code_key": after[name]["key"], "function": after[name]["function"]}
        save(path, record)
    print(f"{len(before)} experiments, {refused} records refused")
    return 1 if refused else 0


if __name__ == "__main__":
    raise SystemExit(main())
