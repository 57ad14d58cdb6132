// What every page that takes a payment does: open the charge, hand it to the wallet, wait for the server's word.
window.makeTill = function (words, say, free) {
  'use strict';
  var watched = '';
  var TRIES = 5;

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

  // A page of the wallet's own, its code for a desk, or its bridge: whichever the server gave.
  function hand(order, answer, done) {
    watch(order);
    if (answer.url) { say(words.leaving); location.assign(answer.url); }
    else if (answer.code) { say(''); done(answer.code); free(); }
    else { say(''); window.openWallet(answer.bridge, function (outcome) { handed(order, outcome); }); }
  }

  function open(order, how, done, tries) {
    ask('/cashier/' + order + '/charge' + (how ? '?' + how : ''))
      .then(function (answer) {
        if (answer.result === 'pay') { hand(order, answer, done); }
        else if (answer.result === 'paid' || answer.result === 'sign_in') { location.replace(answer.url); }
        else if (answer.result === 'wait' && tries > 0) {
          say(words.connecting);
          setTimeout(function () { open(order, how, done, tries - 1); }, answer.retry_after * 1000);
        } else { stop(answer.result === 'wait' ? words.waiting : told(answer.code)); }
      })
      .catch(function () { stop(words.offline); });
  }

  return {
    ask: ask,
    stop: stop,
    told: told,
    watch: watch,
    // how: what the visitor chose, as the address says it; done: what to do with a code to show.
    pay: function (order, how, done) {
      say(words.opening);
      if (how || !window.findWay) { open(order, how, done, TRIES); }
      else { window.findWay(function (way) { open(order, way, done, TRIES); }); }
    }
  };
};
