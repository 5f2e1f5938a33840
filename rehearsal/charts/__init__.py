"""Draws the results of game days as a page that needs no network."""
