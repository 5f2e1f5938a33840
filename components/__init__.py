"""Pulumi components: each one declares a part of a stack, with arguments that it builds from the settings.

Nothing is imported here: components import each other, and a package that imported them all would be a circle.
"""
