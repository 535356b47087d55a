"""The admin API: what whoever runs the gateway may ask of it while it runs."""
