"""The official account (公众号): what it receives, what it sends, and WeChat's own platform behind it."""
