"""How often a check is right: precision and recall by category, on texts that were written for it."""
