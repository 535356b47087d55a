"""Files of callers: their records, their bytes in a store, and the sweep that leaves nothing behind."""
