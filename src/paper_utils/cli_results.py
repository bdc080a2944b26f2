"""`paper results`: long computations, listed, run and confirmed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

import click

from paper_utils.errors import PaperError, UsageError


@click.group()
def results() -> None:
    """Long computations, kept with their provenance.

    \b
    Examples:
      paper results list
      paper results run cosine-real-titles
      paper results confirm cosine-real-titles
    """


@results.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_results(as_json: bool) -> None:
    """Experiments with their state: current, confirmed, stale, missing.

    A record is current where the code is unchanged since, confirmed where the present code computed
    a part of it anew and agreed, else stale.

    Example: paper results list
    """
    from paper_utils import results as store

    rows = []
    for name, item in store.index().items():
        row = {"name": name, "what": item.what, "command": item.command, "function": item.function}
        if store.result_path(name).is_file():
            kept = store.get(name)
            row |= {"state": kept.state, "tasks": len(kept.tasks)}
            keys = ("date", "duration_s", "data", "confirmations")
            row |= {key: kept.provenance[key] for key in keys}
        else:
            row["state"] = "missing"
        rows.append(row)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    for row in rows:
        click.echo(f"{row['name']}  [{row['state']}]  {row['what']}")
        if row["state"] != "missing":
            click.echo(f"    {row['date'][:10]}, {row['duration_s']:.0f} s, {row['tasks']} tasks")
    for name in store.recorded():
        if name not in store.index():
            click.echo(f"{name}  [stale]  no experiment of this name is left")


@results.command("run")
@click.argument("names", nargs=-1, required=True)
@click.option("-j", "workers", type=click.IntRange(1), help="Processes side by side.")
@click.option("--scheduler", metavar="ADDRESS", help="A running Dask scheduler (tcp://host:8786).")
@click.option(
    "-p", "pairs", nargs=2, multiple=True, metavar="NAME VALUE", help="A parameter; repeatable."
)
@click.option(
    "-o", "folder", metavar="FOLDER", help="Where your own record goes. Default: _build/own."
)
def run_results(
    names: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    pairs: tuple[tuple[str, str], ...],
    folder: str | None,
) -> None:
    """Compute the experiments NAMES; 'all' computes every one, 'stale' what is out of date.

    An interrupted run goes on where it stopped. With -p a record of your own is computed: the
    parameters given take the place of the book's, a list means each of its values. It never
    replaces the book's record; a chapter shows it beside that, with -p own_records FOLDER.

    \b
    Examples:
      paper results run cosine-real-titles -j 2
      paper results run free-embeddings-objectives -p d "[3, 4]" -p largest 30
      paper run free-embeddings -p own_records _build/own --html
    """
    from paper_utils import results as store

    if folder and not pairs:
        raise UsageError("-o goes with -p: the book's records have their own folder")
    for name in _chosen(names, list(store.index())):
        if pairs:
            if scheduler:
                raise UsageError("--scheduler and -p do not go together")
            path = store.run_own(name, dict(pairs), folder or store.FOLDER, workers=workers)
        else:
            path = store.run(name, workers=workers, scheduler=scheduler)
        click.echo(f"{name}: {path}")


@results.command("confirm")
@click.argument("names", nargs=-1, metavar="[NAME|all|stale]...", required=True)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="Time a record; at least one task of every kind is computed.",
)
@click.option("--seed", type=click.IntRange(0), help="Of the tasks drawn. Default: a fresh one.")
def confirm_results(names: tuple[str, ...], budget: float, seed: int | None) -> None:
    """Compute tasks of the records NAMES anew, and compare them with what is recorded.

    The tasks are drawn at random. Where all agree within the tolerance that the experiment states,
    the record is confirmed for the present code; where one does not, it is stale. 'all' confirms
    every record, 'stale' those that are out of date. Exit code 1 when one was not confirmed.

    \b
    Examples:
      paper results confirm hubness-synthetic
      paper results confirm all --budget 5 --seed 1
    """
    import secrets

    from paper_utils import results as store

    seed = secrets.randbelow(2**32) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    failed = False
    for name in _chosen(names, store.recorded()):
        try:
            found = store.confirm(name, budget=budget, seed=seed)
        except PaperError as error:
            click.echo(f"paper: {error}", err=True)
            failed = True
        else:
            click.echo(f"{name}: {store.confirmation_text(found)}")
    if failed:
        sys.exit(1)


def _chosen(names: tuple[str, ...], known: Iterable[str]) -> list[str]:
    """Return what is meant: names of `known`, all of them, or those that are out of date."""
    from paper_utils import results as store

    chosen: list[str] = []
    for name in names:
        if name == "all":
            chosen += known
        elif name == "stale":
            chosen += [one for one in known if not store.is_current(one)]
        elif name in known:
            chosen.append(name)
        else:
            chosen.append(store.find_entry(name).name)
    return list(dict.fromkeys(chosen))
