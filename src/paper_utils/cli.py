"""The `paper` command.

Exit codes: 0 all is well, 1 something was found wrong, 2 the command was used wrong.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import click
import yaml

from paper_utils import __version__, cli_downloads, cli_results
from paper_utils.errors import PaperError, UsageError
from paper_utils.paths import project_root


class _Group(click.Group):
    """A group that turns the package's errors into one line and an exit code.

    Commands of packages that build on this one are loaded when they are asked for.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*self.commands, *entry_points(group="paper.commands").names})

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        for point in entry_points(group="paper.commands", name=name):
            self.add_command(point.load())
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except PaperError as error:
            click.echo(f"paper: {error}", err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("paper: interrupted; nothing half-written is left", err=True)
            ctx.exit(130)
        except BrokenPipeError:  # `paper list | head`: click knows what to do
            raise
        except ModuleNotFoundError as error:
            click.echo(
                f"paper: {error.name} is not installed: the audit alone does without the book's "
                "packages; install the others with: pip install 'dual-encoder-limits[book]'",
                err=True,
            )
            ctx.exit(1)
        except OSError as error:
            click.echo(f"paper: {_file_trouble(error)}", err=True)
            ctx.exit(1)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        from paper_utils.errors import did_you_mean

        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise UsageError(
                f"no command {args[0]!r}; {did_you_mean(args[0], self.list_commands(ctx))}"
            )
        return super().resolve_command(ctx, args)


def _file_trouble(error: OSError) -> str:
    """Return what the system said of which file, in one line."""
    named = [str(name) for name in (error.filename, error.filename2) if name is not None]
    what = error.strerror or str(error) or type(error).__name__
    return " ".join(f"{' -> '.join(named)}: {what}".removeprefix(": ").split())


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="paper")
def main() -> None:
    """Execute, build and check the book 'Limits of dual-encoder retrieval'.

    \b
    Examples:
      paper audit items.npy --texts items.csv
      paper run cosine-collapse -p n_items 500 --html
    """


def _table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_chapters(as_json: bool) -> None:
    """Chapters with title, parameters, defaults and state.

    Example: paper list
    """
    from paper_utils.book.overview import overview
    from paper_utils.book.state import Book

    entries = overview(Book(project_root()))
    if as_json:
        click.echo(json.dumps(entries, ensure_ascii=False, indent=1))
        return
    for entry in entries:
        click.echo(f"{entry['chapter']}  [{entry['state']}]  {entry['error'] or entry['title']}")
        rows = [[f"    {p['name']}", repr(p["default"]), p["help"]] for p in entry["parameters"]]
        if rows:
            _table(["    parameter", "default", "meaning"], rows)
        click.echo()


@main.command()
@click.argument("chapter")
@click.option(
    "-p", "pairs", nargs=2, multiple=True, metavar="NAME VALUE", help="A parameter; repeatable."
)
@click.option(
    "-f", "file", type=click.Path(path_type=Path), help="Parameters from a YAML file; -p wins."
)
@click.option("--html", is_flag=True, help="Render a page of its own.")
@click.option(
    "-o",
    "out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Output folder. Default: _build/runs/CHAPTER in the checkout.",
)
def run(
    chapter: str,
    pairs: tuple[tuple[str, str], ...],
    file: Path | None,
    html: bool,
    out: Path | None,
) -> None:
    """Re-execute one CHAPTER with your parameters; the book is never touched.

    `paper list` shows the parameters. A catalogue of your own is a .csv, .tsv, .jsonl or .parquet
    file with a column 'title' or 'name'. A list is written with commas.

    Example: paper run topk-stability -p models minilm,random --html
    """
    from paper_utils.book.chapters import find_chapters, pick_chapter
    from paper_utils.book.make import run as run_chapter

    root = project_root()
    picked = pick_chapter(find_chapters(root), chapter)
    given: dict[str, Any] = _parameter_file(file) if file else {}
    given |= dict(pairs)
    out = (out or root / "_build" / "runs" / picked.slug).resolve()
    notebook, page = run_chapter(root, picked, given, out, html=html)
    click.echo(f"notebook: {notebook}")
    if page:
        click.echo(f"page:     {page}")


def _parameter_file(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"-f {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        text = " ".join(str(error).split())
        raise UsageError(f"-f {path}: not YAML: {text}") from None
    if not isinstance(content, dict):
        raise UsageError(f"-f {path}: must hold lines 'name: value'")
    return {str(name): value for name, value in content.items()}


@main.command()
@click.option(
    "--profile",
    default="default",
    help="default; full (recomputes all long results first); smoke (apart from the book).",
)
@click.option("-j", "workers", type=click.IntRange(1), help="Chapters side by side.")
@click.option("--no-html", is_flag=True, help="Execute chapters only.")
def build(profile: str, workers: int | None, no_html: bool) -> None:
    """Execute what is out of date, then render the site.

    Example: paper build -j 2
    """
    from paper_utils.book.make import BUDGET_SECONDS
    from paper_utils.book.make import build as build_book
    from paper_utils.book.state import Book

    book = Book(project_root(), profile)
    if profile == "full":
        from paper_utils import results as store

        for name in store.experiments():
            store.run(name, workers=workers)
    report = build_book(book, workers=workers, html=not no_html)
    for outcome in report.outcomes:
        if outcome.error is None and outcome.seconds > BUDGET_SECONDS:
            click.echo(
                f"note: {outcome.job.name} took {outcome.seconds:.0f} s, over the budget of "
                f"{BUDGET_SECONDS} s a chapter",
                err=True,
            )
    click.echo(
        f"{len(report.outcomes)} chapters executed, {report.fresh} were up to date", err=True
    )
    if report.failures:
        for outcome in report.failures:
            click.echo(f"paper: {outcome.job.name} {outcome.error}", err=True)
        click.echo("paper: the site was not rendered: it never shows a failed chapter", err=True)
        sys.exit(1)
    if not no_html:
        state = "rendered" if report.rendered else "up to date"
        click.echo(f"{state}: {book.html / 'index.html'}")


@main.command()
@click.option(
    "-o", "out", type=click.Path(path_type=Path, dir_okay=False), help="Where to write it."
)
def pdf(out: Path | None) -> None:
    """Print the built book and its summary; needs the system's Chromium and the extra 'pdf'.

    Example: paper pdf -o book.pdf
    """
    from paper_utils.book.pdf import write_pdf, write_summary
    from paper_utils.book.site import html_is_fresh
    from paper_utils.book.state import Book

    book = Book(project_root())
    path = (out or book.root / "_build" / "book.pdf").resolve()
    if (book.html / "index.html").is_file() and not html_is_fresh(book):
        click.echo("note: the pages are older than their sources; run: paper build", err=True)
    click.echo(f"{path}: {write_pdf(book, path)} pages")
    click.echo("{}: {} pages".format(*write_summary(book)))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON with a schema_version.")
@click.option("--source", help="Only claims of this source (bibliography key).")
@click.option("--chapter", help="Only claims of this chapter (slug).")
def claims(as_json: bool, source: str | None, chapter: str | None) -> None:
    """The verdicts; exit 1 when one differs from the accepted one.

    Example: paper claims --source krasnov-dual-encoder-limits
    """
    from paper_utils.book.expected import disagreements
    from paper_utils.book.overview import overview
    from paper_utils.book.site import claims_json, collect_verdicts
    from paper_utils.book.state import Book
    from paper_utils.claims import counts, format_value, why_exact
    from paper_utils.errors import did_you_mean

    book = Book(project_root())
    verdicts = collect_verdicts(book)
    for given, attribute in ((source, "source"), (chapter, "chapter")):
        if given is not None:
            known = dict.fromkeys(getattr(item.claim, attribute) for item in verdicts)
            if given not in known:
                raise UsageError(
                    f"no claim has the {attribute} {given!r}; {did_you_mean(given, known)}"
                )
            verdicts = [item for item in verdicts if getattr(item.claim, attribute) == given]
    if as_json:
        click.echo(claims_json(verdicts), nl=False)
    else:
        rows = [
            [
                item.claim.id,
                item.verdict + (" (judged)" if item.judged else ""),
                item.status,
                format_value(item.claim.claimed)[:40],
                format_value(item.record.measured)[:60] if item.record else "–",
                format_value(item.record.interval)[:40]
                if item.record and item.record.interval is not None
                else why_exact(item.claim)[:60] or "–",
            ]
            for item in verdicts
        ]
        _table(["claim", "verdict", "status", "claimed", "measured", "95% interval"], rows)
        found = counts(verdicts)
        told = [f"{n} {word.replace('_', ' ')}" for word, n in found["status"].items() if n]
        click.echo(
            f"Counted: {', '.join(told) or 'nothing'}. Not counted: {found['slips']} slips of the "
            f"pen, {found['restated']} that restate other verdicts."
        )
    old = [one["chapter"] for one in overview(book) if one["state"] != "fresh"]
    if old:
        text = f"note: not measured from the present sources: {', '.join(old)}; run: paper build"
        click.echo(text, err=True)
    wrong = disagreements(book.root, verdicts, "default")
    for line in wrong:
        click.echo(f"paper: {line}", err=True)
    if wrong:
        sys.exit(1)


for command in (cli_results.results, cli_downloads.models, cli_downloads.data):
    main.add_command(command)


if __name__ == "__main__":
    main()
