"""What only the chapter `margin` needs."""
