"""The books of notes, receivables and financing, on both engines."""
