"""Alerts to incidents: context, priority, grouping."""
