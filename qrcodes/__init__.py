"""Payment codes as values: who scanned, what was scanned, and how our own codes are written, checked and drawn."""
