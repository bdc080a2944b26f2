"""What only the chapter `set-codes` needs."""
