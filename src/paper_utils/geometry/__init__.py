"""Geometry of a set of embeddings: spectrum, cosines, dimensions."""
