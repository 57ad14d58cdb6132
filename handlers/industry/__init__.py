"""Scenes of companies: accounts, payments, notes, financing."""
