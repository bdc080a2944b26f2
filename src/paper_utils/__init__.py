"""Helpers of the executable paper *Limits of dual-encoder retrieval*.

The public names below are loaded on first use, so that ``import paper_utils`` and
``paper --help`` stay quick.
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

# Public name -> module that defines it. `fingerprint` reads this table too.
_EXPORTS = {
    "Transition": "codes.capacity",
    "attainable_margin": "codes.capacity",
    "critical_dimension": "codes.capacity",
    "transition": "codes.capacity",
    "LexicalCodes": "codes.lexical",
    "SetCodes": "codes.set_codes",
    "UnsolvedError": "codes.set_codes",
    "Catalogue": "data.catalogue",
    "check_catalogue": "data.catalogue",
    "load_catalogue": "data.catalogue",
    "titles_sha256": "data.catalogue",
    "diy_catalogue": "data.diy",
    "DiyQueries": "data.diy_queries",
    "diy_queries": "data.diy_queries",
    "fetch_dataset": "data.fetch",
    "JudgedSet": "data.judged",
    "load_judged": "data.judged",
    "DatasetInfo": "data.sources",
    "data_file": "data.sources",
    "datasets": "data.sources",
    "SubwordTokenizer": "encoders.fertility",
    "count_subwords": "encoders.fertility",
    "load_subwords": "encoders.fertility",
    "Encoder": "encoders.base",
    "EncoderInfo": "encoders.named",
    "check_encoder": "encoders.named",
    "describe_encoder": "encoders.named",
    "fetch_encoder": "encoders.named",
    "load_encoder": "encoders.named",
    "TokenBatch": "encoders.token_states",
    "token_states": "encoders.token_states",
    "pool": "encoders.transformer",
    "CosineMoments": "geometry.cosine",
    "centre": "geometry.cosine",
    "cosine_moments": "geometry.cosine",
    "cosine_moments_by_pairs": "geometry.cosine",
    "EffectiveDimension": "geometry.dimension",
    "effective_dimension": "geometry.dimension",
    "expected_var_cos_elliptical": "geometry.spectrum",
    "gaussian_cosine_moments": "geometry.spectrum",
    "KOccurrence": "geometry.hubness",
    "hubness_skewness": "geometry.hubness",
    "k_occurrence": "geometry.hubness",
    "robin_hood_index": "geometry.hubness",
    "mutual_proximity": "geometry.hub_reduction",
    "mutual_neighbours": "geometry.hub_reduction",
    "whiten": "geometry.hub_reduction",
    "isoscore": "geometry.dimension",
    "participation_ratio": "geometry.spectrum",
    "power_law_spectrum": "geometry.spectrum",
    "perturb": "geometry.perturb",
    "rank_margin": "geometry.stability",
    "topk_overlap": "geometry.stability",
    "LimitData": "limit.data",
    "load_limit": "limit.data",
    "limit_replica": "limit.replica",
    "generate_limit": "limit.generate",
    "write_mteb": "limit.mteb",
    "ask_plainly": "limit.generate",
    "BM25": "search.bm25",
    "Interval": "statistics",
    "bootstrap_interval": "statistics",
    "t_interval": "statistics",
    "shared_interval": "statistics",
    "RandomEffects": "statistics",
    "random_effects": "statistics",
    "maxsim": "search.late_interaction",
    "HashedNgrams": "search.hashing",
    "mrr": "search.metrics",
    "ndcg_at_k": "search.metrics",
    "recall_at_k": "search.metrics",
    "RelevantRanks": "search.ranks",
    "qrels_matrix": "search.ranks",
    "ranks_from_lists": "search.ranks",
    "ranks_from_scores": "search.ranks",
    "WordTokenizer": "search.tokenizer",
    "select_top_k": "search.topk",
    "top_k": "search.topk",
    "CriticalN": "optimise.critical",
    "critical_n": "optimise.critical",
    "minimal_dimension": "theory.margin",
    "dense_qrels": "theory.relevance",
    "SignRankBounds": "theory.signrank",
    "sign_rank_bounds": "theory.signrank",
    "additive_dimension": "codes.additive",
    "additive_recall": "codes.additive",
    "PaperError": "errors",
    "UsageError": "errors",
}

__all__ = ["__version__", *sorted(_EXPORTS)]


def __getattr__(name: str):
    if name not in _EXPORTS:
        raise AttributeError(f"module 'paper_utils' has no attribute {name!r}")
    return getattr(importlib.import_module(f"paper_utils.{_EXPORTS[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
