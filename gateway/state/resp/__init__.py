"""How Redis is spoken to: connections, whom they lead to, and what is done while nobody answers there."""
