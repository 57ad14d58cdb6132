"""The way out of the house and the windows into it: HTTP client, logging, metrics."""
