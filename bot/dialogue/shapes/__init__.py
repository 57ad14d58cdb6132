"""The shapes that scenes come in, each a row of steps."""
