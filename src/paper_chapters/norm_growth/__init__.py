"""What only the chapter `norm-growth` needs."""
