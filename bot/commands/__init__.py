"""The commands of the operator, one file a subject; each adds its own parsers."""
