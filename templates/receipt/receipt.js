// Inside WeChat a button leads back to the chat; a browser that cannot close its own window shows none.
(function () {
  'use strict';
  var bar = document.getElementById('leave');
  function offer() {
    bar.hidden = false;
    bar.firstElementChild.addEventListener('click', function () { window.WeixinJSBridge.call('closeWindow'); });
  }
  if (window.WeixinJSBridge) { offer(); }
  else { document.addEventListener('WeixinJSBridgeReady', offer, { once: true }); }
})();
