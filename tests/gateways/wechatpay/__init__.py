"""WeChat Pay: published vectors, oracles, and the platform played by code of the tests' own."""
