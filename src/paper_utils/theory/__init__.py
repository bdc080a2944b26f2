"""What a dot product can represent: counting, sign-rank, constructions, margins, precision."""
