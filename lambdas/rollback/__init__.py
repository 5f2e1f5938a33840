"""The rollback function: alarms, operators and a sweep each minute call it."""
