"""The Spark Structured Streaming jobs: one module a pipeline, on top of what all pipelines share."""
