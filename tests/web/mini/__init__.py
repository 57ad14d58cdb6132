"""The mini API over real rooms, with a scripted WeChat and gateway."""
