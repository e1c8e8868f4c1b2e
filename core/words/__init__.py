"""Vietnamese and English words as data."""
