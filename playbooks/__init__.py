"""Incidents to response: definitions as data, actions, runner, effect ledger."""
