"""What the chapter on words and meaning in one vector alone needs."""
