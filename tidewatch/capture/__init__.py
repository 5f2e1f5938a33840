"""Captured requests and answers: from the bytes that SageMaker wrote to rows, every record accounted for."""
