"""The official account: messages in, replies out, and the platform behind it."""
