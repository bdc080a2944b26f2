"""Training of encoders: losses, and loops that are seeded and show progress."""
