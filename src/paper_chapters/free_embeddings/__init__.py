"""What only the chapter `free-embeddings` needs."""
