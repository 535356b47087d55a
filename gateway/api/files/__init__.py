"""The doors of files and uploads."""
