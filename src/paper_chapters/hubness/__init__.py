"""What only the chapter `hubness` needs."""
