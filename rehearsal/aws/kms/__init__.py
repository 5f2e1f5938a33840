"""The simulated KMS, as far as moto needs help."""
