"""Spark's session and configuration, YARN, and the state that the jobs report."""
