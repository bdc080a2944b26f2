"""What only the chapter `contradictions` needs."""
