"""The native stack: its services, supervisor, downloads, preflight checks and provisioning."""
