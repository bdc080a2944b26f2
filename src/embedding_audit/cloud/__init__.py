"""What the vectors look like: rows, lengths, cosines, dimensions, neighbours, stability, slices."""
