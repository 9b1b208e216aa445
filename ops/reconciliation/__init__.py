"""`verify`: snapshots of what each engine holds, checks over them, and a recount without Spark."""
