"""What only the chapter `coarse-fine` needs."""
