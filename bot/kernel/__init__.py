"""Values without input or output: money, ids, clock, errors, masking and text."""
