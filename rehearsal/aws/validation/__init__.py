"""Refuses requests that AWS refuses, by its service models and its documentation."""
