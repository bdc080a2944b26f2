"""What only the chapter `pooling` needs."""
