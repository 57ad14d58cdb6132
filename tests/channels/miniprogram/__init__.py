"""The mini-program channel, without HTTP."""
