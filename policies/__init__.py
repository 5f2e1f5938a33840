"""The policy pack: what a stack that serves a model must guarantee, checked by Pulumi before and after a deployment.

One subject a file; pack.py lists them. `evaluation` runs the pack without the CLI, as the rehearsal does.
"""
