"""Tests of the simulators themselves: what the rest is measured against must be right first."""
