"""The chaos run: mixed traffic through two replicas while everything around them fails; see README.md beside this."""
