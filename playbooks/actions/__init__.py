"""One action per file."""
