"""The drift job: an hour of captured records into profiles, verdicts and reports, and the index of all of them.

Nothing is imported here: the command line reads the index and the reports, and must not load what counts records.
"""
