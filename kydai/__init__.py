"""Composition: command line, settings, pipeline, supervisor, worker."""
