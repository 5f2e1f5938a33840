"""The scenarios of the game days, by what goes wrong."""
