// Inside WeChat a button leads back to the chat; a browser that cannot close its own window shows none.
(function () {
  'use strict';
  var button = document.getElementById('done');
  function offer() {
    button.hidden = false;
    button.addEventListener('click', function () { window.WeixinJSBridge.call('closeWindow'); });
  }
  if (window.WeixinJSBridge) { offer(); }
  else { document.addEventListener('WeixinJSBridgeReady', offer, { once: true }); }
})();
