"""The Pulumi program: settings in, components in the order in which the data flows, outputs."""
