"""Vector stores: their records, and the work that fills and empties them. No word of HTTP is spoken here."""
