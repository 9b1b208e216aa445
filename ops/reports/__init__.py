"""Reports: a pipeline's analytics report, and the demo's summary."""
