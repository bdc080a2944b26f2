"""LIMIT: its data, a generator of data in its form, and its relevance graphs."""
