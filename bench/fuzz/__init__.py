"""A fuzzer for the drift job's input: captured records, gzip streams and references, mutated by the million."""
