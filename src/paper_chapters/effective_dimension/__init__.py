"""What only the chapter `effective-dimension` needs."""
