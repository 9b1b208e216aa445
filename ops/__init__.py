"""What people run: the command line, the native stack, sample data, reconciliation, maintenance, reports."""
