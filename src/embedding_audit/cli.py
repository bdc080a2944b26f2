"""The command ``embedding-audit``, also ``paper audit``; what computes is imported when called."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click

from embedding_audit.config import read_config
from paper_utils.errors import PaperError, UsageError


class _Interrupted(PaperError):
    exit_code = 130


class _OneLine(click.Command):
    """A command that says in one line what was wrong with its options, or that it was stopped."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise UsageError(" ".join(error.format_message().split())) from None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:  # click would add an empty line
            raise _Interrupted("interrupted; nothing half-written is left") from None


def _configured(ctx: click.Context, _: click.Parameter, path: str | None) -> str | None:
    """Take what the config file says for the defaults; the command line wins."""
    params = {p.name: getattr(p, "multiple", False) for p in ctx.command.params}
    allowed = {name: many for name, many in params.items() if name not in (None, "config", "help")}
    ctx.default_map = read_config(path, allowed)
    return path


_FILE = {"metavar": "FILE"}


@click.command(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("embeddings", required=False)
@click.option("--queries", **_FILE, help="Vectors of queries; beside --model their texts.")
@click.option("--qrels", **_FILE, help="Judgements: TREC, BEIR, .csv, .tsv, .json, .parquet.")
@click.option("--texts", **_FILE, help="Texts of the items, by id or row i for vector i.")
@click.option("--query-texts", **_FILE, help="Texts of the queries: what BM25 finds beside.")
@click.option("--against", **_FILE, help="Other vectors of the same items: model or date.")
@click.option("--against-queries", **_FILE, help="The same queries by the other model.")
@click.option(
    "--metric",
    type=click.Choice(["cosine", "dot", "l2"]),
    default="cosine",
    show_default=True,
    help="How a query is compared with a document.",
)
@click.option(
    "--id-column",
    default="",
    metavar="NAME",
    help="Where the ids stand; row: judgements name rows.",
)
@click.option("--vector-column", default="", metavar="NAME", help="Where the vectors stand.")
@click.option("--text-column", default="", metavar="NAME", help="Where the texts stand.")
@click.option(
    "--dtype",
    type=click.Choice(["bits", "int8", "uint8", "bf16", "number"]),
    help="What the integers of a file are, where it does not say.",
)
@click.option("--relevant-from", type=float, metavar="GRADE", help="Lowest grade that is relevant.")
@click.option("--keep-own", is_flag=True, help="A query that is an item may find itself.")
@click.option(
    "-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours of a search."
)
@click.option(
    "--exact-up-to",
    type=click.IntRange(100),
    metavar="ROWS",
    default=50_000,
    show_default=True,
    help="Up to this many rows each is a query; above, a sample is.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of samples.")
@click.option("--scheduler", default="", metavar="ADDRESS", help="A Dask scheduler, tcp://…")
@click.option("--model", metavar="NAME", help="Encode first, with this encoder of the book ...")
@click.option("--catalogue", **_FILE, help="... these titles: a file, diy, or uhtt-tools.")
@click.option(
    "--fail-on",
    multiple=True,
    metavar="CONDITION",
    help="Exit 1 where it holds, such as 'recall@10<0.8'; any key of report.json; repeatable.",
)
@click.option("--baseline", **_FILE, help="report.json of an earlier audit: exit 1 where worse.")
@click.option(
    "--tolerance",
    multiple=True,
    metavar="[KEY=]NUMBER",
    help="How much worse is allowed. Default: what the intervals of both leave open.",
)
@click.option(
    "--config",
    **_FILE,
    is_eager=True,
    callback=_configured,
    help="The same options as TOML. Default: embedding-audit.toml, or [tool.embedding-audit] in "
    "pyproject.toml, where one is in this folder.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("audit"),
    show_default=True,
    help="Folder for report.json and the page, index.html.",
)
def audit(out: Path, config: str | None, **given: Any) -> None:
    """Audit the vectors of an index: what is wrong, how badly, and what would help.

    EMBEDDINGS: .npy, .npz, .parquet, .csv, JSON lines, FAISS, HDF5 and more, or a folder of them;
    one vector an item; FILE::NAME where a file holds several arrays. The answer is printed, the
    page and report.json have the rest.

    Exit 0: well; 1: rows with NaN or infinite values, a condition of --fail-on, or worse than
    --baseline; 2: used wrong.

    \b
    Examples:
      embedding-audit items.npy
      embedding-audit items.parquet --queries q.parquet --qrels test.tsv --fail-on 'recall@10<0.8'
    """
    from embedding_audit.command import run_audit

    found = run_audit(out, given, tell=lambda line: click.echo(line, err=True))
    width = min(100, shutil.get_terminal_size((100, 24)).columns)
    click.echo(found.text(width))
    for line in found.breaches:
        click.echo(f"fail: {line}", err=True)
    if found.breaches:
        sys.exit(1)


def main() -> None:
    """Run the command; errors that a user can mend are one line and an exit code."""
    try:
        sys.exit(audit.main(prog_name="embedding-audit", standalone_mode=False))
    except PaperError as error:
        _stop(error, error.exit_code)
    except click.ClickException as error:
        _stop(error.format_message(), error.exit_code)
    except BrokenPipeError:  # `embedding-audit … | head`
        sys.exit(1)
    except OSError as error:
        _stop(f"{error.filename or ''}: {error.strerror or error}".removeprefix(": "), 1)
    except MemoryError:
        _stop("not enough memory for these vectors", 1)


def _stop(message: object, code: int) -> None:
    click.echo(f"embedding-audit: {' '.join(str(message).split())}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
