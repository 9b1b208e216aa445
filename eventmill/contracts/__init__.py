"""Event contracts: the types of the events, how they are decoded, and what a broken value breaks."""
