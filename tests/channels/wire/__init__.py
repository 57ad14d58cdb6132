"""WeChat's wire: signatures, AES, XML, JSON and pushes."""
