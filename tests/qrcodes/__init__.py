"""Tests of the codes: values by properties, images through a decoder that shares no code with the encoder."""
