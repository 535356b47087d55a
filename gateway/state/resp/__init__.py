"""How Redis is spoken to: connections, whom they lead to, what is done while nobody answers there, and redis-py."""
