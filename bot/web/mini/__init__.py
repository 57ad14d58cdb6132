"""The API of a mini-program's own pages: one table of operations drives routes, validation and the document."""
