"""The drift function: reads what the endpoint captured and writes reports."""
