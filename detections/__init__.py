"""Events to alerts: Sigma engine, correlations, rules as data."""
