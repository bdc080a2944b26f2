"""The command ``paper audit``; what computes is imported when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from paper_utils.paths import project_root


@click.command()
@click.argument("embeddings", required=False)
@click.option(
    "--queries",
    metavar="FILE",
    help="Vectors of queries, in any format of EMBEDDINGS; beside --model their texts.",
)
@click.option(
    "--query-texts",
    metavar="FILE",
    help="Texts of the queries, like --texts: what BM25 finds, alone and beside the vectors.",
)
@click.option(
    "--texts",
    metavar="FILE",
    help="Texts: .csv, .tsv, .jsonl or .parquet with a column title, name or text; or .txt, one a "
    "line. Row i for vector i, or matched by ids.",
)
@click.option(
    "--qrels",
    metavar="FILE",
    help="Judgements: TREC (.qrels, .txt), or .tsv, .csv, .jsonl, .parquet with columns query-id, "
    "corpus-id, score.",
)
@click.option("--model", metavar="NAME", help="Encode first, with this encoder ...")
@click.option(
    "--catalogue",
    metavar="FILE",
    help="... these titles: a file with a column title or name, diy, or uhtt-tools.",
)
@click.option("-k", type=int, help="Neighbours of a search. Default: 10.")
@click.option(
    "--exact-up-to",
    type=int,
    metavar="ROWS",
    help="Up to this many rows each is a query; above, a sample is. Default: 50000.",
)
@click.option("--seed", type=int, help="Of every sample. Default: 0.")
@click.option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler (tcp://host:8786).")
@click.option(
    "-o",
    "out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("audit"),
    show_default=True,
    help="Output folder.",
)
def audit(out: Path, **given: Any) -> None:
    """Audit the vectors of an index: which limits it meets, how badly, what would help.

    EMBEDDINGS: .npy, .npz, .safetensors, .parquet or .jsonl, one vector an item. Judgements name
    items and queries by 'id' (column or array), else by row from 0. Exit 1: NaN or infinite values.

    The folder of -o receives report.json (what was measured), the executed notebook 20-audit.ipynb
    and the page, html/book/chapters/20-audit.html.

    Example: paper audit items.npy --texts items.csv --qrels judged.qrels
    """
    from embedding_audit.command import run_audit

    files = ("embeddings", "queries", "texts", "query_texts", "qrels", "model", "catalogue")
    chosen = {name: given.pop(name) for name in files}
    found = run_audit(
        project_root(),
        out.resolve(),
        **chosen,
        settings=given,
        tell=lambda line: click.echo(line, err=True),
    )
    for line in found.lines():
        click.echo(line)
    if found.damaged:
        click.echo("paper: the file holds rows with NaN or infinite values; see above", err=True)
        sys.exit(1)
