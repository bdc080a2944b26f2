"""What only the chapter `search-engine` needs."""
