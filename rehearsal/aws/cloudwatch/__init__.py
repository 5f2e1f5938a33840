"""The simulated CloudWatch: metrics, alarms, composites, dashboards and their history."""
