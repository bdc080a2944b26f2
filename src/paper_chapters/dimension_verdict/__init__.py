"""What only the chapter `dimension-verdict` needs."""
