"""The mini-program (小程序): what it receives, what it sends, and who its visitors are."""
