"""The drift job: turns an hour of captured records into profiles, verdicts and reports, and keeps an index of them.

Nothing is imported here: the command line reads the index and the reports and must not load the counting code.
"""
