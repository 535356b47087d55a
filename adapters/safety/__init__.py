"""What judges texts: one module or folder for each kind of check."""
