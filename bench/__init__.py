"""Benches: one a headline number; `make bench` runs them all."""
