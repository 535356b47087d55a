"""Vector databases: one module or folder for each."""
