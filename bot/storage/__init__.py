"""Where things are kept: the database port with its two engines, the schema, and the ephemeral store."""
