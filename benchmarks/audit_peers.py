"""Peers on the injected faults: what embedding-drift-monitor, evidently and ranx see, side by side.

``python benchmarks/audit_peers.py [--python PATH]``: PATH is the interpreter of an environment that
holds the peers (``pip install embedding-drift-monitor evidently ranx "pandas<3"``); they belong to
no environment of ours. Each peer gets the sound vectors beside the damaged ones, ranx judgements
too; the audit gets what the table names. A peer that is not installed is called so. mteb encodes
texts with a model of its own and takes no vectors.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

MODULES = {"embedding-drift-monitor": "edm", "evidently": "evidently", "ranx": "ranx"}
P_VALUE = 0.01


def by_edm(folder: Path, case: str, _: Mapping) -> str:
    """Return the overall severity above LOW; clusters, its slowest metric, are left out."""
    from click.testing import CliRunner
    from edm.cli import main as edm

    files = [str(folder / f"{name}.npy") for name in ("sound", case)]
    found = CliRunner().invoke(edm, ["compare", *files, "-f", "json", "-q", "--no-clusters"])
    if found.exit_code or not found.stdout.startswith("{"):
        return "refused"
    level = json.loads(found.stdout)["overall_severity"]
    return "no" if level == "LOW" else f"yes ({level.lower()})"


def by_evidently(folder: Path, case: str, _: Mapping) -> str:
    """Return whether its default detector of embedding drift (a classifier) sees one."""
    import pandas as pd
    from evidently.legacy.metrics import EmbeddingsDriftMetric
    from evidently.legacy.pipeline.column_mapping import ColumnMapping
    from evidently.legacy.report import Report

    frames = [np.load(folder / f"{name}.npy") for name in ("sound", case)]
    columns = [f"c{i}" for i in range(frames[0].shape[1])]
    sound, damaged = (pd.DataFrame(rows, columns=columns) for rows in frames)
    report = Report(metrics=[EmbeddingsDriftMetric("vectors")])
    mapping = ColumnMapping(embeddings={"vectors": columns})
    try:
        report.run(reference_data=sound, current_data=damaged, column_mapping=mapping)
        result = report.as_dict()["metrics"][0]["result"]
    except ValueError:
        return "refused"
    return f"{'yes' if result['drift_detected'] else 'no'} ({result['drift_score']:.2f})"


def by_ranx(folder: Path, case: str, given: Mapping) -> str:
    """Return whether nDCG@10 falls significantly, with the queries that go with the vectors."""
    from ranx import Qrels, Run, compare

    runs = []
    for name in ("sound", case):
        rows, queries = (np.load(folder / f"{part}.npy") for part in (name, f"{name}.queries"))
        rows = np.nan_to_num(rows)
        norms = np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
        scores = queries @ (rows / norms).T
        top = np.argsort(-scores, axis=1, kind="stable")[:, :100]
        lists = {str(q): {str(i): float(scores[q, i]) for i in best} for q, best in enumerate(top)}
        runs.append(Run({q: lists[q] for q in given["qrels"]}, name=name))
    report = compare(
        Qrels(given["qrels"]), runs, ["ndcg@10"], stat_test="student", max_p=P_VALUE
    ).to_dict()
    before, after = (report[name]["scores"]["ndcg@10"] for name in ("sound", case))
    p = report["sound"]["comparisons"][case]["ndcg@10"]
    p = p["p_value"] if isinstance(p, dict) else p
    return f"{'yes' if after < before and p < P_VALUE else 'no'} ({after - before:+.3f})"


PEERS = {"embedding-drift-monitor": by_edm, "evidently": by_evidently, "ranx": by_ranx}


def as_peer(name: str, folder: Path) -> dict[str, str] | None:
    """Return what a peer says of each case; None where it is not installed."""
    if find_spec(MODULES[name]) is None:
        return None
    given = json.loads((folder / "given.json").read_text())
    return {case: PEERS[name](folder, case, given) for case in given["cases"]}


def asked(python: str, name: str, folder: Path) -> dict[str, str] | None:
    """Run this file with the interpreter of the peers."""
    call = [python, __file__, "--peer", name, "--folder", str(folder)]
    found = subprocess.run(call, capture_output=True, text=True, check=False)
    if found.returncode:
        raise SystemExit(f"{name}: {found.stderr.strip().splitlines()[-1]}")
    return json.loads(found.stdout.strip().splitlines()[-1])


def main() -> None:
    """Put each fault into one set, ask everybody, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--peer", choices=list(PEERS), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        sys.stdout.write(f"\n{json.dumps(as_peer(options.peer, options.folder))}\n")
        return
    with tempfile.TemporaryDirectory() as place:
        rows = table(options.python, Path(place))
    import pandas as pd

    sys.stdout.write(pd.DataFrame(rows).to_string(index=False) + "\n")


def table(python: str, folder: Path) -> list[dict[str, str]]:
    """Return a row a fault: what each of them says."""
    from embedding_audit.compare.faults import FAULTS, inject_faults, toy_base

    base = toy_base(400)
    ours = {(row["fault"], row["needs"]): row for row in inject_faults([base])}
    cases = {"half precision (no fault)": base.rows.astype(np.float16).astype(np.float32)}
    queries = dict.fromkeys(cases, base.queries)
    for fault in FAULTS:
        hit = np.random.default_rng([4, len(base.rows)]).random(len(base.rows)) < fault.share
        damaged = fault.damage(base, hit)
        cases.setdefault(fault.name, damaged.rows)
        queries.setdefault(fault.name, damaged.queries)
    named = {name: f"case{number}" for number, name in enumerate(cases)}
    files = {"sound": base.rows, "sound.queries": base.queries}
    for name, case in named.items():
        files |= {case: cases[name], f"{case}.queries": queries[name]}
    for name, rows in files.items():
        np.save(folder / f"{name}.npy", np.asarray(rows, dtype=np.float32))
    given = {"cases": list(named.values()), "qrels": base.qrels}
    (folder / "given.json").write_text(json.dumps(given))
    said = {name: asked(python, name, folder) for name in PEERS}

    def peers(name: str) -> dict[str, str]:
        return {
            peer: "not installed" if found is None else found[named[name]]
            for peer, found in said.items()
        }

    first = "half precision (no fault)"
    rows = [{"fault": first, "the audit needs": "vectors alone", "audit": "no"} | peers(first)]
    for (name, needs), row in ours.items():
        word = "yes" if row["found"] else "no"
        rows.append({"fault": name, "the audit needs": needs, "audit": word} | peers(name))
    return rows


if __name__ == "__main__":
    main()
