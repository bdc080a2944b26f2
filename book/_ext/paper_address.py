"""What depends on the two addresses of `_config.yml`, that of the repository and that of the site.

With a repository, pages link to the chapter as written (the executed copy is never committed) and
to Binder, where `postBuild` has made notebooks of the chapters. With a site, there is a sitemap.
While an address is empty there is nothing, and so no dead link.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

_BUILT = re.compile(r"book/chapters/([\w-]+)\.ipynb")


def set_buttons(app, config) -> None:
    """Switch on what a repository makes possible."""
    options = config.html_theme_options
    if options.get("repository_url"):
        options["use_repository_button"] = True
        options["use_issues_button"] = True
        options["use_edit_page_button"] = True
        options["launch_buttons"] = {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
        }


def source_address(address: str) -> str:
    """Return an address in the repository with the executed notebook replaced by its source.

    >>> source_address("https://a.example/o/r/edit/main/book/chapters/01-a.ipynb")
    'https://a.example/o/r/edit/main/notebooks/01-a.md'
    >>> source_address("https://b.example/v2/gh/o/r/main?urlpath=lab/tree/book/chapters/01-a.ipynb")
    'https://b.example/v2/gh/o/r/main?urlpath=lab/tree/notebooks/01-a.ipynb'
    """
    kind = "ipynb" if "urlpath=" in address else "md"
    return _BUILT.sub(rf"notebooks/\1.{kind}", address)


def mend_buttons(buttons: list[dict]) -> None:
    """Lead each button, and each in its menu, to the source."""
    for button in buttons:
        if "url" in button:
            button["url"] = source_address(button["url"])
        mend_buttons(button.get("buttons", []))


def on_page(app, pagename, templatename, context, doctree) -> None:
    """Mend the buttons of a page, and note it for the sitemap."""
    options = app.config.html_theme_options
    if options.get("repository_url"):
        mend_buttons(context.get("header_buttons", []))
    if doctree is not None:
        app.env.paper_pages = sorted({*getattr(app.env, "paper_pages", []), pagename})


def sitemap(base: str, pages: list[str]) -> str:
    """Return a sitemap of `pages` below the address `base`.

    >>> print(sitemap("https://a.example/book", ["book/index"]).splitlines()[2])
    <url><loc>https://a.example/book/book/index.html</loc></url>
    """
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">')
    base = base.rstrip("/")
    lines += [f"<url><loc>{escape(f'{base}/{page}.html')}</loc></url>" for page in pages]
    return "\n".join([*lines, "</urlset>", ""])


def write_sitemap(app, exception) -> None:
    """Write `sitemap.xml` where the site has an address."""
    if exception is None and app.builder.name == "html" and app.config.html_baseurl:
        text = sitemap(app.config.html_baseurl, getattr(app.env, "paper_pages", []))
        Path(app.outdir, "sitemap.xml").write_text(text, encoding="utf-8")


def setup(app):
    """Connect to settings, pages and the end of the build."""
    app.connect("config-inited", set_buttons, priority=100)
    app.connect("html-page-context", on_page, priority=900)  # after the theme's buttons
    app.connect("build-finished", write_sitemap)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": False}
