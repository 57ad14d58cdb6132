"""The doors of the house: one table of routes and a handler behind each."""
