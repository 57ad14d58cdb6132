"""The demonstration: sample merchants and bills, and the simulators beside the real application."""
