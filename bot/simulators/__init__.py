"""Stand-ins for WeChat, WeChat Pay and billers: an island that imports nothing of ours and signs by itself."""
