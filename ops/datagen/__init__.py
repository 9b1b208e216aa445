"""Seeded sample data with planted faults, and the ground truth that the stack must come to."""
