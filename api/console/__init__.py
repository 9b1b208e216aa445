"""The console: accepted and rejected events as they come."""
