"""Measures turns and paid notices beside yardsticks that run on the same machine in the same minutes."""
