"""Scenepay: the WeChat backend of a payment centre for scene finance."""
