"""The engine of safety checks: opens those that are configured, has them judge, and knows how they are."""
