"""The tests mirror the tree; services.py brings the real engines, conftest.py hands them out."""
