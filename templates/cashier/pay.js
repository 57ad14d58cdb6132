(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var button = document.getElementById('pay');
  var notice = document.getElementById('notice');
  var base = '/cashier/' + data.order;
  var words = {
    order_closed: '订单已关闭，请重新查询账单。',
    order_expired: '订单已过期，请返回聊天重新查询。',
    already_paid: '这笔账单已经付过了，没有重复扣款。',
    declined: '支付机构没有接受这笔付款，没有扣款。'
  };

  function say(text) { notice.textContent = text; }
  function ready(text) { button.disabled = false; say(text); }

  function watch() {
    fetch(base + '/status?since=created', { headers: { Accept: 'application/json' } })
      .then(function (answer) { return answer.json(); })
      .then(function (answer) {
        if (answer.state === 'paid') { location.replace(answer.receipt); return; }
        if (answer.state === 'closed') { location.reload(); return; }
        watch();
      })
      .catch(function () { setTimeout(watch, 3000); });
  }

  function bridge(parameters) {
    function invoke() {
      window.WeixinJSBridge.invoke('getBrandWCPayRequest', parameters, function (result) {
        var outcome = String(result && result.err_msg).split(':')[1];
        if (outcome === 'ok') { say('正在确认付款结果…'); watch(); }
        else if (outcome === 'cancel') { ready('已取消，没有扣款。可以再次付款。'); }
        else { ready('付款没有完成，请再试一次。如已扣款，请等待结果，不要重复付款。'); watch(); }
      });
    }
    if (window.WeixinJSBridge) { invoke(); }
    else { document.addEventListener('WeixinJSBridgeReady', invoke, { once: true }); }
  }

  function open(tries) {
    fetch(base + '/charge', { method: 'POST', headers: { 'X-Scenepay': 'cashier', Accept: 'application/json' } })
      .then(function (answer) { return answer.json(); })
      .then(function (answer) {
        if (answer.result === 'pay') { say(''); bridge(answer.bridge); }
        else if (answer.result === 'paid') { location.replace(answer.url); }
        else if (answer.result === 'sign_in') { location.replace(answer.url); }
        else if (answer.result === 'wait' && tries > 0) {
          say('正在连接支付…');
          setTimeout(function () { open(tries - 1); }, answer.retry_after * 1000);
        } else { ready(words[answer.code] || '暂时无法付款，请稍后再试。没有扣款。'); }
      })
      .catch(function () { ready('网络不通，请再试一次。没有扣款。'); });
  }

  button.addEventListener('click', function () {
    button.disabled = true;
    say('正在打开支付…');
    open(5);
  });
})();
