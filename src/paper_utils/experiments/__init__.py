"""The long computations of the book: pure functions, one subject a module."""
