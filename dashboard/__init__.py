"""The live dashboard: a page a line, each of pure functions that make frames and charts, and of their wiring."""
