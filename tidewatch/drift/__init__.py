"""Drift: what production sends and answers, counted against what the model was trained on."""
