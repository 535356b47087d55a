"""Files made ready for search: their text is read and cut in a process of its own, and its pieces are embedded."""
