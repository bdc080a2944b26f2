"""What one chapter alone needs: a folder per chapter, its experiments included."""
