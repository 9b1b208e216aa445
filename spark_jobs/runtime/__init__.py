"""Running the streaming queries: the runner, restarts, the Python worker daemon."""
