"""What the pages on the package need beyond autodoc and napoleon.

``|x|`` is a length in a docstring and not a substitution: it becomes text. A reference to a
helper that has no page becomes plain code; a reference to nothing is a warning still.
"""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec

import paper_utils
from paper_utils.fingerprint import PACKAGES

# Left alone: doctests, literals, formulas in text.
_VERBATIM = re.compile(r"(^\s*>>> .*|``.*?``|:math:`.*?`)")


def escape_bars(lines: list[str]) -> list[str]:
    """Return lines of a docstring with each ``|`` of the text escaped.

    >>> escape_bars(["the length |x| of ``a|b``", ".. math:: |x|", "", "|y|"])
    ['the length \\\\|x\\\\| of ``a|b``', '.. math:: |x|', '', '\\\\|y\\\\|']
    """
    done, formula = [], None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if formula is not None and line.strip() and indent <= formula:
            formula = None
        if line.lstrip().startswith(".. math::"):
            formula = indent
        if formula is None:
            parts = _VERBATIM.split(line)
            line = "".join(
                part if number % 2 else part.replace("|", r"\|")
                for number, part in enumerate(parts)
            )
        done.append(line)
    return done


def clean(app, what, name, obj, options, lines) -> None:
    """Change a docstring in place before napoleon reads it."""
    lines[:] = escape_bars(lines)


def _exists(target: str) -> bool:
    """Return whether a package of the project has a module, or a thing in one, of this name."""
    place = target if target.startswith(PACKAGES) else f"paper_utils.{target}"
    try:
        if find_spec(place):
            return True
    except ModuleNotFoundError:
        pass
    last = target.rpartition(".")[2]
    modules = [one for name, one in sys.modules.items() if name.startswith(PACKAGES)]
    return any(hasattr(module, last) for module in modules)


def resolve(app, env, node, contnode):
    """Lead a reference to the public name that it means, or leave the name as code."""
    if node.get("refdomain") != "py":
        return None
    target = node["reftarget"]
    last = target.rpartition(".")[2]
    if last in paper_utils.__all__:
        domain = env.get_domain("py")
        return domain.resolve_xref(
            env,
            node["refdoc"],
            app.builder,
            "obj",
            f"paper_utils.{last}",
            node,
            contnode,
        )
    return contnode if _exists(target) else None


def setup(app):
    """Run before napoleon, and when Sphinx finds no target."""
    app.connect("autodoc-process-docstring", clean, priority=400)
    app.connect("missing-reference", resolve)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
