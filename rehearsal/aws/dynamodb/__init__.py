"""The simulated DynamoDB, as far as moto needs help."""
