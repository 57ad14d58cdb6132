"""The conversation: what was said becomes an act and a scene, slots are filled, and a reply is chosen."""
