"""Receivers: sockets and files to spool frames."""
