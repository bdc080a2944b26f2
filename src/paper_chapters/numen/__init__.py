"""What only the chapter `numen` needs."""
