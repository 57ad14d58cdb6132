"""The room of applications, on both engines."""
