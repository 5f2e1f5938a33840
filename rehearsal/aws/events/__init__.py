"""The simulated EventBridge: rules, schedules and events of the platform."""
