"""What only the chapter `additive-codes` needs."""
