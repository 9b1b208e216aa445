"""Benchmarks: each measures its peers side by side in one run and prints ratios."""
