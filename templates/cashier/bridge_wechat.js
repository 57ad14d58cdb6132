// WeChat's own bridge. Says 'ok', 'cancel' or 'fail'; none of them is proof, the server's notice decides.
window.openWallet = function (parameters, done) {
  'use strict';
  function invoke() {
    window.WeixinJSBridge.invoke('getBrandWCPayRequest', parameters, function (result) {
      var outcome = String(result && result.err_msg).split(':')[1];
      done(outcome === 'ok' || outcome === 'cancel' ? outcome : 'fail');
    });
  }
  if (window.WeixinJSBridge) { invoke(); }
  else { document.addEventListener('WeixinJSBridgeReady', invoke, { once: true }); }
};
