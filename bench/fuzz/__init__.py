"""Captured records, gzip streams and references, mutated by the million: what the drift job reads must hold."""
