"""One process executes one chapter: ``python -m paper_utils.book.worker JOB.json``.

It speaks JSON lines on its standard output and writes the notebook only when every cell
has run. When the process that started it dies, it dies, and its kernel with it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from paper_utils.book.labels import label_of
from paper_utils.book.origins import origin_text, origins

_PR_SET_PDEATHSIG = 1

MAIN_CLAIM = "main-claim"
"""Tag of a cell of 5 to 12 lines that computes a main claim: readers see its code."""


def die_with_parent() -> None:
    """Ask Linux to kill this process when the process that started it ends.

    Elsewhere the kernels' own watch of their parent, which polls, has to do.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


_speaking = threading.Lock()


def _say(**message: Any) -> None:
    with _speaking:
        sys.__stdout__.write(json.dumps(message) + "\n")
        sys.__stdout__.flush()


def _relay(path: Path, ended: threading.Event) -> None:
    """Pass on what the kernel writes to `path` about its progress inside a cell."""
    read = 0
    while not ended.wait(0.5):
        try:
            with path.open("rb") as stream:
                stream.seek(read)
                lines = stream.read().splitlines(keepends=True)
        except OSError:
            continue
        whole = [line for line in lines if line.endswith(b"\n")]
        read += sum(map(len, whole))
        if whole:
            _say(event="progress", **json.loads(whole[-1]))


def normalise(notebook: Any, stamp: dict[str, Any]) -> Any:
    """Return the executed `notebook` without anything that differs between two equal runs.

    `stamp` (fingerprint, profile, parameters) is kept under the metadata key `paper`.
    """
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    notebook.metadata["paper"] = stamp
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = origins(cell.source for cell in code)
    come_from = {id(cell): origin_text(one) for cell, one in zip(code, found, strict=True)}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            _fold_code(cell, come_from[id(cell)])
            for output in cell.outputs:
                output.get("metadata", {}).pop("papermill", None)
    return notebook


def _fold_code(cell: Any, origin: str) -> None:
    """Put the code of a cell one click away, under what it does; leave claims and parameters."""
    tags = cell.metadata.get("tags", [])
    if {"parameters", "injected-parameters", "remove-input", MAIN_CLAIM} & set(tags):
        return
    if "hide-input" not in tags:
        cell.metadata["tags"] = [*tags, "hide-input"]
    label = label_of(cell.source, cell.metadata)
    if re.match("Code: (draw|print) the ", label):
        label += f" ({origin})"
    shown = cell.metadata.get("mystnb", {})
    cell.metadata["mystnb"] = shown | {"code_prompt_show": label, "code_prompt_hide": label}


def _engine() -> Any:
    from jupyter_client.manager import AsyncKernelManager
    from papermill.engines import NBClientEngine

    class Manager(AsyncKernelManager):
        async def start_kernel(self, **options: Any) -> None:
            await super().start_kernel(preexec_fn=die_with_parent, **options)

    class Engine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **options):
            total = sum(cell.cell_type == "code" for cell in nb_man.nb.cells)
            started = nb_man.cell_start
            count = 0

            def cell_start(cell, cell_index=None, **kwargs):
                nonlocal count
                if cell.cell_type == "code":
                    count += 1
                    _say(event="cell", cell=count, of=total)
                return started(cell, cell_index=cell_index, **kwargs)

            nb_man.cell_start = cell_start
            options |= {"kernel_manager_class": Manager, "coalesce_streams": True}
            return super().execute_managed_notebook(nb_man, kernel_name, **options)

    return Engine


def execute(job: dict[str, Any]) -> None:
    """Execute the chapter `job`; write the notebook to `target`, or to `failed` if a cell fails.

    Keys of `job`: the paths `source` (MyST), `target`, `failed` and `cwd`; `parameters`; `stamp`.
    """
    import logging

    import jupytext
    import nbformat
    import papermill
    from papermill.engines import papermill_engines

    from paper_utils.paths import replacing

    logging.disable(logging.INFO)
    papermill_engines.register("paper", _engine())
    notebook = jupytext.read(job["source"], fmt="md:myst")
    scratch = Path(os.environ["JUPYTER_RUNTIME_DIR"]) / "executed.ipynb"
    error: dict[str, Any] | None = None
    ended = threading.Event()
    if "PAPER_PROGRESS" in os.environ:
        path = Path(os.environ["PAPER_PROGRESS"])
        threading.Thread(target=_relay, args=(path, ended), daemon=True).start()
    try:
        papermill.execute_notebook(
            notebook,
            str(scratch),
            parameters=job["parameters"],
            engine_name="paper",
            kernel_name="python3",
            progress_bar=False,
            cwd=job["cwd"],
        )
    except papermill.PapermillExecutionError as failure:
        error = {
            "cell": failure.exec_count,
            "name": failure.ename,
            "value": (str(failure.evalue).splitlines() or [""])[0],
        }
    finally:
        ended.set()
    result = normalise(nbformat.read(scratch, as_version=4), job["stamp"])
    if error is None and not job["parameters"]:
        result.metadata["paper"].pop("parameters", None)
    with replacing(Path(job["failed" if error else "target"])) as temporary:
        nbformat.write(result, temporary)
    _say(event="failed", **error) if error else _say(event="done")


def main() -> None:
    """Run the job that the first argument names."""
    die_with_parent()
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if os.getppid() != job["parent"]:  # it died before the signal was asked for
        raise SystemExit(1)
    try:
        execute(job)
    except Exception as problem:  # the parent has to hear of anything, in one line
        text = (str(problem).splitlines() or [""])[0]
        _say(event="failed", cell=None, name=type(problem).__name__, value=text)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
