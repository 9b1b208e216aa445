"""State that a pipeline carries from one micro-batch to the next."""
