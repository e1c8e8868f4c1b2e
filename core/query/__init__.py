"""One query language: text to tree, tree to SQL, predicate and Arrow mask."""
