"""Stop builds at random moments and count what goes wrong.

``python tests/interruption.py 50`` prints the counts for fifty kills.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import psutil

from book_in_miniature import cell, make_book

SLOW = "".join(cell(f"import time; time.sleep(0.15); print({number})") for number in range(8))


@dataclass
class Damage:
    """What was found after stopping builds."""

    rounds: int = 0
    half_written: int = 0
    processes_left: int = 0
    failed_next_runs: int = 0

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return half-written files, processes left, failed next runs."""
        return self.half_written, self.processes_left, self.failed_next_runs


def start_build(root: Path) -> subprocess.Popen:
    """Start `paper build` on `root` in a process group of its own."""
    command = [sys.executable, "-m", "paper_utils.cli", "build", "--no-html", "-j", "2"]
    return subprocess.Popen(
        command,
        env=os.environ | {"PAPER_ROOT": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def belonging_to(root: Path) -> list[psutil.Process]:
    """Return live processes (workers, kernels) whose environment names `root`."""
    found = []
    for process in psutil.process_iter(["pid"]):
        try:
            named = process.environ().get("PAPER_ROOT") == str(root)
            if named and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def half_written(root: Path) -> int:
    """Return how many files in the folder of built notebooks are no whole notebook."""
    bad = 0
    for path in (root / "book" / "chapters").glob("[!.]*.ipynb"):
        try:
            nbformat.validate(nbformat.read(path, as_version=4))
        except Exception:
            bad += 1
    return bad


def stop_builds(
    root: Path, rounds: int, how: signal.Signals, seed: int, *, next_run_each: bool = False
) -> Damage:
    """Stop `rounds` builds of the two slow chapters in `root` and count the damage.

    Parameters
    ----------
    root : Path
        An empty folder.
    rounds : int
    how : signal
        What the build's process receives; its children do not.
    seed : int
        Seeds the moments, which cover start, execution and the end of a build.
    next_run_each : bool
        Run a whole build after every stop, not only after the last.
    """
    make_book(root, {"01-slow.md": SLOW, "02-slow.md": SLOW})
    (root / "profiles.yml").write_text("")
    chance, damage = random.Random(seed), Damage()
    for number in range(rounds):
        for path in (root / "book" / "chapters").glob("*.ipynb"):
            path.unlink()
        process = start_build(root)
        time.sleep(chance.uniform(0.1, 4.5))
        process.send_signal(how)
        process.wait(60)
        deadline = time.monotonic() + 10
        while (left := belonging_to(root)) and time.monotonic() < deadline:
            time.sleep(0.05)
        damage.rounds += 1
        damage.processes_left += len(left)
        damage.half_written += half_written(root)
        if next_run_each or number == rounds - 1:
            damage.failed_next_runs += start_build(root).wait(120) != 0
    return damage


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as folder:
        found = stop_builds(Path(folder) / "book", count, signal.SIGKILL, 0, next_run_each=True)
    sys.stdout.write(f"{found}\n")
    sys.exit(any(found.counts))
