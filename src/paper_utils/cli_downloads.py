"""`paper models` and `paper data`: what is here, and what can be downloaded."""

from __future__ import annotations

import json
import sys
from typing import Any

import click


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--fetch", "name", metavar="NAME", help="Download an encoder; its size comes first.")
@click.option("--yes", is_flag=True, help="Do not ask before a download.")
def models(as_json: bool, name: str | None, yes: bool) -> None:
    """Encoders: what, how large, and whether they are reachable here.

    \b
    Examples:
      paper models
      paper models --fetch hf:Qwen/Qwen2.5-0.5B
    """
    from paper_utils.encoders import describe_encoder, encoders, fetch_encoder

    if name is None:
        _show_infos(encoders(), as_json)
        return
    offer = describe_encoder(name)
    click.echo(f"{name}: {offer.what}, licence {offer.licence}, {_size(offer.size)}", err=True)
    if not offer.reachable:
        _confirm(yes)
    click.echo(f"{name}: {fetch_encoder(name).where}")


def _size(n_bytes: int | None) -> str:
    return "size unknown" if n_bytes is None else f"{n_bytes / 1e6:,.1f} MB"


def _confirm(yes: bool) -> None:
    """Ask before a download where somebody can answer."""
    if not yes and sys.stdin.isatty():
        click.confirm("Download?", abort=True, err=True)


@click.group(invoke_without_command=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def data(ctx: click.Context, as_json: bool) -> None:
    """Datasets: what, where, licence, checksums, and whether they are here.

    \b
    Examples:
      paper data
      paper data fetch limit-small
    """
    if ctx.invoked_subcommand is None:
        from paper_utils.data import datasets
        from paper_utils.data.judged import judged_datasets

        _show_infos([*datasets(), *judged_datasets()], as_json)


@data.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask before the download.")
def fetch(name: str, yes: bool) -> None:
    """Download the dataset NAME from its pinned commit, checked by content.

    Example: paper data fetch limit-small
    """
    from paper_utils.data import fetch_dataset, fetch_plan
    from paper_utils.data.judged import judged_datasets
    from paper_utils.errors import PaperError

    if judged := next((info for info in judged_datasets() if info.name == name), None):
        if not judged.reachable:
            raise PaperError(
                f"{name} cannot be downloaded; it was made from {judged.origin}, and is looked for "
                f"in PAPER_DATA/judged/{name}"
            )
        click.echo(f"{name}: {judged.where}")
        return
    plan = fetch_plan(name)
    if plan.files:
        click.echo(f"{name}: {len(plan.files)} files, {_size(plan.n_bytes)}", err=True)
        _confirm(yes)
    click.echo(f"{name}: {fetch_dataset(name)}")


def _show_infos(infos: list[Any], as_json: bool) -> None:
    from dataclasses import asdict

    rows = [{key: value for key, value in asdict(info).items()} for info in infos]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1, default=str))
        return
    for row in rows:
        click.echo(row.pop("name"))
        for key, value in row.items():
            if value in (None, "", {}, ()):
                continue
            if isinstance(value, dict):
                value = ", ".join(f"{name} {item}" for name, item in value.items())
            elif isinstance(value, tuple | list):
                value = ", ".join(map(str, value))
            elif isinstance(value, bool):
                value = "yes" if value else "no"
            elif key == "size":
                value = _size(value)
            click.echo(f"    {key:<10} {value}")
