"""The event store: one contract, one engine per file."""
