// What every page that takes a payment does: open the charge, hand it to the wallet, wait for the server's word.
window.makeTill = function (words, say, free) {
  'use strict';
  var watched = '';

  function told(code) { return words[code] || words.other; }
  function stop(text) { say(text, true); free(); }

  function ask(address, body) {
    var headers = { 'X-Scenepay': 'cashier', Accept: 'application/json' };
    if (body) { headers['Content-Type'] = 'application/x-www-form-urlencoded'; }
    return fetch(address, { method: 'POST', headers: headers, body: body }).then(function (answer) { return answer.json(); });
  }

  // The page goes on by itself when the money has come, whatever the wallet said and whoever paid.
  function watch(order) {
    if (watched === order) { return; }
    watched = order;
    (function next() {
      if (watched !== order) { return; }
      var asked = Date.now();
      function again() { setTimeout(next, Math.max(0, 1500 - (Date.now() - asked))); }
      fetch('/cashier/' + order + '/status?since=created', { headers: { Accept: 'application/json' } })
        .then(function (answer) { return answer.json(); })
        .then(function (answer) {
          if (answer.state === 'paid' || answer.state === 'settled') { location.replace(answer.receipt); }
          else if (answer.state === 'closing' || answer.state === 'closed') { location.replace('/cashier/' + order); }
          else { again(); }
        })
        .catch(again);
    })();
  }

  function handed(order, outcome) {
    if (outcome === 'ok') { say(words.confirming); }
    else { say(outcome === 'cancel' ? words.cancelled : words.unfinished, outcome !== 'cancel'); free(); }
  }

  function open(order, tries) {
    ask('/cashier/' + order + '/charge')
      .then(function (answer) {
        if (answer.result === 'pay') {
          say('');
          watch(order);
          window.openWallet(answer.bridge, function (outcome) { handed(order, outcome); });
        } else if (answer.result === 'paid' || answer.result === 'sign_in') {
          location.replace(answer.url);
        } else if (answer.result === 'wait' && tries > 0) {
          say(words.connecting);
          setTimeout(function () { open(order, tries - 1); }, answer.retry_after * 1000);
        } else { stop(told(answer.code)); }
      })
      .catch(function () { stop(words.offline); });
  }

  return {
    ask: ask,
    stop: stop,
    told: told,
    pay: function (order) { say(words.opening); open(order, 5); }
  };
};
