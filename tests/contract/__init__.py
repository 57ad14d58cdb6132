"""One test for every implementation of a port: a registered one joins without a change here."""
