"""The whole system through its doors: HTTP only, real stores, simulators on the other side."""
