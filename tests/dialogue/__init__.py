"""Tests of the conversation: scripted, random, and part by part."""
