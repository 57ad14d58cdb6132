"""What works without being asked: deliveries, sweeps, seals and renewals; a thin rim around the rooms below."""
