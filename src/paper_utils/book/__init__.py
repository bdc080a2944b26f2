"""From chapter sources to a static site; nothing else decides what is out of date."""
