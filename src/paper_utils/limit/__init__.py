"""LIMIT: its data, a generator of data of its form, and its graph."""
