"""The page at `/`: what answers, where the records are, and what is wrong."""
