"""What only the chapter `topk-stability` needs."""
