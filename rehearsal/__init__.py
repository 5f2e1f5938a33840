"""The rehearsal: a simulated AWS, an engine that deploys to it, a demo and game days, on one machine."""
