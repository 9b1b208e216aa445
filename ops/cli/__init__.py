"""The commands of `eventmill`, one module a group."""
