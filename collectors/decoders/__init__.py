"""Flow decoders: datagrams to columns."""
