"""Free embeddings: vectors that are optimised directly on the relevance matrix."""
