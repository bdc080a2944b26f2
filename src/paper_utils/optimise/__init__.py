"""Free embeddings: vectors that are optimised directly on the relevance matrix.

``descent``     the published protocol (InfoNCE or sigmoid, Adam, early stop)
``max_margin``  the widest least gap that can be found
``critical``    the largest number of documents whose k-subsets an objective solves
``extrapolate`` the cubic fit of critical n, and how little it determines
"""
