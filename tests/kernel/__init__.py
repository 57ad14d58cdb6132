"""Values: money, clock, identifiers, masks and text."""
