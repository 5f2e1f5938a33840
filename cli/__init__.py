"""The command line `tidewatch`.

A command is loaded when it is called; other distributions add theirs by entry points.
"""
