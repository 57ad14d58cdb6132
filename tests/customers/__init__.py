"""Customers, their names and their saved accounts, on both engines."""
