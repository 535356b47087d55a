"""The doors of vector stores."""
