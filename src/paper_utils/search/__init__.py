"""Exact search, BM25 and the metrics that judge a ranking."""
