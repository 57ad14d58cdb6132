"""Tests of the Alipay gateway and of its faculties."""
