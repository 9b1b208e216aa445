"""The pipelines: what each does on top of what all share."""
