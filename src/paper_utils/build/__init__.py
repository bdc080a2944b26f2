"""From chapter sources to a static site: staleness, execution, rendering.

Nothing else decides what is out of date.
"""
