"""The domain: traffic, drift, alarms and registry of an endpoint, without Pulumi and without a command line.

Code outside imports from the packages. Inside, a package imports the modules that it needs from another one, so that a
function loads only what it runs and import chains stay short.
"""
