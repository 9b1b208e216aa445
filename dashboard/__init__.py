"""The live dashboard: a page a pipeline, each of pure functions that make frames and charts, and of their wiring."""
