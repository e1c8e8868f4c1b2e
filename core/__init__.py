"""Contracts shared by every part: event, spool, query, stores, control database, words."""
