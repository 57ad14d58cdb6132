"""The ways by which customers reach us: each turns its wire into events and replies into its wire."""
