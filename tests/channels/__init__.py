"""The channels, from their bytes to the dialogue and back."""
