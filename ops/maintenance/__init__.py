"""Compaction, exports to MySQL, and the editor of dead letters."""
