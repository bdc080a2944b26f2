"""What only the chapter `limit` needs."""
