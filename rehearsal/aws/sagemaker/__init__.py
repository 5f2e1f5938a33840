"""The simulated SageMaker endpoints: configurations, fleets, deployments, data capture."""
