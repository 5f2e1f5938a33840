"""The domain: what an endpoint's traffic, drift, alarms and registry are, without Pulumi and without a command line.

The rooms outside import from the packages here. Inside, a package imports the modules that it needs of another one: a
function then loads no more than it runs, and the chains of imports stay short.
"""
