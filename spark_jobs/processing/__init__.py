"""Steps of a micro-batch: lateness, deduplication, window aggregation, enrichment."""
