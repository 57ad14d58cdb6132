"""Tests of the reconciliation: what is found, what is decided about it, and what both prove."""
