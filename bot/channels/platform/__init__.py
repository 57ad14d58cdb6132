"""WeChat's platform (api.weixin.qq.com) as every kind of app calls it: tokens, errors, calls that all may make."""
