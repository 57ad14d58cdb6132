"""WeChat Pay APIv3 in direct-merchant mode: JSAPI, mini-program, Native and H5."""
