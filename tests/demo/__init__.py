"""The demonstration: how it starts and ends, and what its strip shows."""
