// Alipay's own bridge. Says 'ok', 'cancel' or 'fail'; none of them is proof, the server's notice decides.
(function () {
  'use strict';
  var BRIDGE_MS = 2500;
  // 9000 paid and 8000 under way are both for the server to confirm; 6001 is the payer's own no, 99 a closed sheet.
  var OUTCOMES = { '9000': 'ok', '8000': 'ok', '6004': 'ok', '6001': 'cancel', '99': 'cancel' };

  // Asks once how this page can pay: by the bridge, or, where none comes, on Alipay's own page for browsers.
  window.findWay = function (done) {
    if (window.AlipayJSBridge) { done(''); return; }
    var timer = setTimeout(function () { document.removeEventListener('AlipayJSBridgeReady', ready); done('way=h5'); }, BRIDGE_MS);
    function ready() { clearTimeout(timer); done(''); }
    document.addEventListener('AlipayJSBridgeReady', ready, { once: true });
  };

  window.openWallet = function (parameters, done) {
    window.AlipayJSBridge.call('tradePay', { tradeNO: parameters.trade_no }, function (result) {
      done(OUTCOMES[String(result && result.resultCode)] || 'fail');
    });
  };
})();
