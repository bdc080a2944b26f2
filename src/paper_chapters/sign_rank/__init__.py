"""What only the chapter `sign-rank` needs."""
