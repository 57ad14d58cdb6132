"""Scenes of water, power and the like."""
