"""Alarm coverage: fires every alarm of a stack once and reports what caused it."""
