"""The simulated S3, as far as moto needs help."""
