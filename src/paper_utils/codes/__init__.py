"""Codes of sets of attributes: sums of random vectors, and vectors that separate the set."""
