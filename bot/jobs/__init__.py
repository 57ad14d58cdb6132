"""Work that outlives a request: what came in, what must go out, leases, schedules and dead letters."""
