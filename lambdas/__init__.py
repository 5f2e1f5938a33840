"""The functions that run on AWS. Each folder is one archive's entry point."""
