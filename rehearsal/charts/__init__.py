"""What game days showed, drawn: a page to read without a network."""
