"""WeChat's wire, shared by the official-account and mini-program channels: signatures, AES, XML, JSON, pushes."""
