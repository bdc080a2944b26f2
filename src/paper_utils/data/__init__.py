"""Catalogues of titles: generated, real, or a user's own file."""
