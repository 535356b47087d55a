"""Where the bytes of files are: one module for each kind of store."""
