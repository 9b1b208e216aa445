"""The top layer, run by people: command line, native stack, sample data, reconciliation, maintenance, reports."""
