"""Scenes of everyday consumption."""
