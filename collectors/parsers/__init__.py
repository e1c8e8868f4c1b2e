"""Parser packs, one per product."""
