"""Catalogues of titles, and the data sets that they and the chapters come from."""

from __future__ import annotations

from paper_utils.data.catalogue import (
    Catalogue,
    check_catalogue,
    load_catalogue,
    title_language,
    titles_sha256,
)
from paper_utils.data.diy import diy_catalogue
from paper_utils.data.fetch import FetchPlan, fetch_dataset, fetch_plan, git_blob_id
from paper_utils.data.sources import DatasetInfo, data_file, datasets

__all__ = [
    "Catalogue",
    "DatasetInfo",
    "FetchPlan",
    "check_catalogue",
    "data_file",
    "datasets",
    "diy_catalogue",
    "fetch_dataset",
    "fetch_plan",
    "git_blob_id",
    "load_catalogue",
    "title_language",
    "titles_sha256",
]
