"""What only the chapter `fine-mechanism` needs."""
