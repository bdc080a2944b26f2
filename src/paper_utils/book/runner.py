"""Run chapters side by side, one process each, and say how far they are.

The caller's thread starts and watches all workers: Linux's parent-death signal is bound
to the starting *thread*, so a pool of threads would kill them too early.
"""

from __future__ import annotations

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import psutil

from paper_utils.errors import UsageError

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(frozen=True)
class Job:
    """One chapter to execute."""

    name: str  # in lines of progress
    source: Path  # MyST
    target: Path  # where the notebook goes when it succeeds
    failed: Path  # where it is kept when it fails
    parameters: Mapping[str, Any] = field(default_factory=dict)  # checked overrides of defaults
    stamp: Mapping[str, Any] = field(default_factory=dict)  # kept in the metadata under `paper`
    profile: str = "default"  # or `full`, `smoke`, or `custom` for a reader's own run


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    job: Job
    seconds: float
    error: str | None = None  # one line with cell and exception
    mistake: str | None = None  # what a cell said of a mistake in the parameters or files given


class Progress:
    """Lines of progress: rewritten in place on a terminal, one every few seconds elsewhere."""

    def __init__(self, total: int, stream: TextIO | None = None, every: float = 10.0) -> None:
        self.total, self.stream, self.every = total, stream or sys.stderr, every
        self.finished = 0
        self.state: dict[str, str] = {}
        self.last = 0.0
        self.terminal = self.stream.isatty()

    def cell(self, name: str, cell: int, of: int) -> None:
        """Say that `name` has begun cell `cell` of `of`."""
        self.state[name] = f"{name}, cell {cell} of {of}"
        self._show()

    def step(self, name: str, what: str, done: int, of: int, left_s: int | None) -> None:
        """Say how far a long step inside the present cell of `name` is."""
        cell = self.state.get(name, name).split(": ")[0]
        left = "" if left_s is None else f", about {left_s} s left"
        self.state[name] = f"{cell}: {what} {100 * done // max(1, of)}%{left}"
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        if self.terminal:
            width = shutil.get_terminal_size().columns - 1
            line = f"[{self.finished}/{self.total}] " + " | ".join(self.state.values())
            self.stream.write("\r\033[K" + line[:width])
        elif now - self.last >= self.every:
            self.last = now
            for line in self.state.values():
                self.stream.write(line + "\n")
        self.stream.flush()

    def done(self, name: str, text: str) -> None:
        """Say that `name` has ended."""
        self.finished += 1
        self.state.pop(name, None)
        clear = "\r\033[K" if self.terminal else ""
        self.stream.write(f"{clear}[{self.finished}/{self.total}] {name}: {text}\n")
        self.stream.flush()


class _Worker:
    """A running worker process and what it has said."""

    def __init__(self, job: Job, root: Path, build: Path, threads: int | None) -> None:
        self.job, self.began = job, time.monotonic()
        self.folder = new_scratch(build)
        self.mistake: str | None = None
        self.error: str | None = "the process ended without a word (killed, or out of memory?)"
        self.rest = b""
        self.ended = False
        spec = {
            "source": str(job.source),
            "target": str(job.target),
            "failed": str(job.failed),
            "parameters": dict(job.parameters),
            "stamp": dict(job.stamp),
            "cwd": str(root),
            "parent": os.getpid(),
        }
        path = self.folder / "job.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        with (self.folder / "stderr").open("wb") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "paper_utils.book.worker", str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                # A Ctrl-C goes to the runner alone, which then stops its workers.
                start_new_session=True,
                env=_environment(root, self.folder, job.profile, threads),
            )

    def read(self) -> list[dict[str, Any]]:
        """Return the messages that have arrived; at the end of the stream set `ended`.

        A line that is no message, as a library may print, and an unfinished last one are dropped.
        """
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self.ended = not data
        *lines, self.rest = (self.rest + data).split(b"\n")
        return [message for line in lines if (message := _message(line))]

    def stop(self) -> None:
        """Kill the worker and everything it started, and drop its scratch folder."""
        try:
            family = [*psutil.Process(self.process.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            family = []
        if self.process.poll() is None:
            self.process.kill()
        for child in family:
            try:
                child.kill()
            except psutil.NoSuchProcess:
                pass
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _message(line: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(line)
    except ValueError:
        return None
    return message if isinstance(message, dict) and "event" in message else None


def _environment(root: Path, folder: Path, profile: str, threads: int | None) -> dict[str, str]:
    # Config, history and connection files of kernels stay in the job's own folder.
    env = os.environ | {
        "PAPER_ROOT": str(root),
        "PAPER_PROFILE": profile,
        "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1"),
        "TOKENIZERS_PARALLELISM": "false",
        # Said on stderr by the first library that imports tqdm.auto in a kernel; which one that is
        # depends on what the cache of encodings has.
        "PYTHONWARNINGS": "ignore:IProgress not found",
        "PYTHONHASHSEED": "0",
        "PAPER_PROGRESS": str(folder / "progress.jsonl"),
        "JUPYTER_RUNTIME_DIR": str(folder),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "IPYTHONDIR": str(folder / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "PAPER_MEASURED": "",  # what a reader's run measures is not what the tests compare
    }
    if threads is not None:
        env |= dict.fromkeys(THREAD_VARIABLES, str(threads))
    return env


def build_folder(root: Path) -> Path:
    """Return ``_build`` of the checkout, or a folder in the user's cache where it is read-only."""
    folder = root / "_build"
    try:
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        from paper_utils.encoders.cache import cache_folder

        return cache_folder().parent / "build"


def new_scratch(build: Path) -> Path:
    """Return a new folder that the next run removes should this process be killed."""
    folder = build / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=folder))


def clear_scratch(build: Path) -> None:
    """Remove what a killed run has left: folders of processes that no longer live."""
    for folder in (build / "tmp").glob("*-*"):
        runner = folder.name.split("-")[0]
        if not (runner.isdecimal() and psutil.pid_exists(int(runner))):
            shutil.rmtree(folder, ignore_errors=True)


def run_jobs(
    jobs: Sequence[Job],
    *,
    root: Path,
    workers: int,
    threads: int | None = 1,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Execute `jobs`, at most `workers` at a time; return the outcomes, first ended first.

    `threads` bounds the numerical libraries of each; None leaves the machine's default. One failure
    does not stop the others; an interrupt is raised after all workers and kernels are stopped.
    """
    build = build_folder(root)
    clear_scratch(build)
    progress = progress or Progress(len(jobs))
    waiting, running = list(jobs), {}
    outcomes: list[Outcome] = []
    selector = selectors.DefaultSelector()
    previous = signal.signal(signal.SIGTERM, _interrupt) if _in_main_thread() else None
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                worker = _Worker(waiting.pop(0), root, build, threads)
                running[worker.process.stdout] = worker
                selector.register(worker.process.stdout, selectors.EVENT_READ)
            for key, _ in selector.select():
                worker = running[key.fileobj]
                for message in worker.read():
                    _hear(worker, message, progress)
                if worker.ended:
                    selector.unregister(key.fileobj)
                    del running[key.fileobj]
                    outcome = _ended(worker)
                    # Why it failed is for the caller to say, once and at the end.
                    text = "failed" if outcome.error else f"done in {outcome.seconds:.0f} s"
                    progress.done(worker.job.name, text)
                    outcomes.append(outcome)
    finally:
        for worker in running.values():
            worker.stop()
        selector.close()
        if previous is not None:
            signal.signal(signal.SIGTERM, previous)
    return outcomes


def _in_main_thread() -> bool:
    import threading

    return threading.current_thread() is threading.main_thread()


def _interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _hear(worker: _Worker, message: dict[str, Any], progress: Progress) -> None:
    match message["event"]:
        case "cell":
            progress.cell(worker.job.name, message["cell"], message["of"])
        case "progress":
            del message["event"]
            progress.step(worker.job.name, **message)
        case "done":
            worker.error = None
        case "failed":
            cell = f"cell {message['cell']}: " if message["cell"] else ""
            worker.error = f"failed: {cell}{message['name']}: {message['value']}"
            if message["name"] == UsageError.__name__:
                worker.mistake = message["value"]
            if message["cell"]:
                worker.error += f" (kept: {worker.job.failed})"


def _ended(worker: _Worker) -> Outcome:
    worker.process.wait()
    error = worker.error
    if error is not None and worker.process.returncode not in (0, 1):
        error = f"failed: {error}, exit status {worker.process.returncode}"
    elif error is not None and not error.startswith("failed"):
        last = (worker.folder / "stderr").read_text(errors="replace").strip().splitlines()
        error = f"failed: {last[-1] if last else error}"
    worker.stop()
    mistake = worker.mistake if error else None
    return Outcome(worker.job, time.monotonic() - worker.began, error, mistake)
