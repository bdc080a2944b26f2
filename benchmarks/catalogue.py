"""Quality on the catalogue task against queries per second and memory, side by side.

``python benchmarks/catalogue.py`` (alone on the machine, a quarter of an hour) measures anew and
keeps results/catalogue-speed.json, of which the book draws its figure; ``--recorded`` prints what
is kept; ``--small`` takes seconds and keeps nothing. Rates are by the time of one processor.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import Any

from paper_chapters.coarse_fine.speed import catalogue_speed
from paper_utils.errors import PaperError, UsageError
from paper_utils.results import get, run

HEADS = ("fine", "low", "high", "coarse", "queries/s", "index MiB", "model MiB", "training s")


def show(language: str, value: Mapping[str, Any]) -> None:
    """Print one row per system, the best fine ranking first; * marks what no other beats."""
    write = sys.stdout.write
    write(f"\n{language}: {value['n_items']:,} titles, {value['n_queries']} queries, one thread\n")
    write(f"  {'':30}" + "".join(f"{head:>11}" for head in HEADS) + "\n")
    rows = sorted(value["rows"], key=lambda row: -row["fine"][0])
    for row in rows:
        beaten = any(
            other["fine"][0] > row["fine"][0] and other["queries_per_s"] > row["queries_per_s"]
            for other in rows
        )
        cells = [f"{number:.3f}" for number in (*row["fine"], row["coarse"][0])]
        cells += [f"{row['queries_per_s']:,.1f}", f"{row['index_mib']:.2f}"]
        cells += [f"{row['model_mib']:.2f}", f"{row['practice_s']:.0f}"]
        mark = " " if beaten else "*"
        write(f"{mark} {row['system']:30}" + "".join(f"{cell:>11}" for cell in cells) + "\n")


def main() -> None:
    """Measure, or read what was measured, and print a table a language."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--recorded", action="store_true", help="print the kept result")
    choice.add_argument("--small", action="store_true", help="lexical systems, a small task")
    options = parser.parse_args()
    if options.small:
        for language in ("ru", "en"):
            show(language, catalogue_speed(language, "small"))
        return
    try:
        if not options.recorded:
            run("catalogue-speed", workers=1)
        kept = get("catalogue-speed")
    except (PaperError, UsageError) as error:
        sys.exit(str(error))
    show("en", kept.value(language="en", size="full"))
    sys.stdout.write(f"\n{kept.label}\n")


if __name__ == "__main__":
    main()
