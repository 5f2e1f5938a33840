"""The simulated Application Auto Scaling."""
