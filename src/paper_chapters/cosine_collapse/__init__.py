"""What only the chapter `cosine-collapse` needs."""
