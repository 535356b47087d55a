"""How inference providers speak, one dialect a folder; `registry` finds them."""
