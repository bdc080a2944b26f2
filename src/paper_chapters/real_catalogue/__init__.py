"""What only the chapter `real-catalogue` needs."""
