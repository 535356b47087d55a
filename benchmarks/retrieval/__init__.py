"""How well searches find: numpy's own documentation, and questions whose answers are known."""
