"""Bytes to events: receivers, decoders, parsers."""
