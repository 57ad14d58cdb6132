"""What happened and who did it: traces, audit and the seals that prove neither was altered."""
