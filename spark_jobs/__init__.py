"""The Spark Structured Streaming jobs: one module a line, on top of what all lines share."""
