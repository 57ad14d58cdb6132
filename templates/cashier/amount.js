(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var form = document.getElementById('form');
  var field = document.getElementById('amount');
  var nonce = document.getElementById('nonce');
  var error = document.getElementById('error');
  var notice = document.getElementById('notice');
  var button = document.getElementById('go');
  var asked = '';
  var letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

  function typed() { return String(new FormData(form).get('amount') || '').trim(); }

  // The same rule as the server's, which decides: digits and at most two decimals, no grouping.
  function fen(text) {
    var match = /^(\d{1,8})(?:\.(\d{1,2}))?$/.exec(text);
    return match ? Number(match[1]) * 100 + Number(((match[2] || '') + '00').slice(0, 2)) : 0;
  }

  function wrong() {
    var amount = fen(typed());
    if (!amount) { return data.words.amount_form; }
    return amount < data.minimum || amount > data.maximum ? data.words.amount_range : '';
  }

  function complain(text) {
    error.textContent = text;
    if (field) { field.setAttribute('aria-invalid', text ? 'true' : 'false'); }
  }

  function say(text, bad) {
    notice.textContent = text;
    notice.classList.toggle('notice-bad', Boolean(bad));
  }

  function label() {
    var amount = fen(typed());
    button.textContent = amount ? '付款 ¥' + (amount / 100).toFixed(2) : '付款';
    form.querySelectorAll('[data-amount]').forEach(function (choice) {
      choice.setAttribute('aria-pressed', String(fen(choice.dataset.amount) === amount));
    });
  }

  function free() { button.disabled = false; }

  // One form is one order. Another amount is another order, so it gets a number of its own.
  function numbered(text) {
    if (asked && asked !== text) {
      nonce.value = Array.from(crypto.getRandomValues(new Uint8Array(24)), function (byte) {
        return letters[byte % letters.length];
      }).join('');
    }
    asked = text;
  }

  var till = window.makeTill(data.words, say, free);

  function order() {
    numbered(typed());
    till.ask(form.getAttribute('action'), new URLSearchParams(new FormData(form)))
      .then(function (answer) {
        if (answer.result === 'order' && data.chooses) { location.assign(answer.url); }
        else if (answer.result === 'order') { till.pay(answer.order); }
        else if (answer.result === 'sign_in') { location.replace(answer.url); }
        else if (answer.code === 'amount_range' || answer.code === 'amount_form') { say(''); complain(till.told(answer.code)); free(); }
        else { till.stop(till.told(answer.code)); }
      })
      .catch(function () { till.stop(data.words.offline); });
  }

  form.addEventListener('input', function () { complain(''); label(); });
  form.querySelectorAll('[data-amount]').forEach(function (choice) {
    choice.addEventListener('click', function () {
      field.value = choice.dataset.amount;
      complain('');
      label();
    });
  });
  form.addEventListener('submit', function (event) {
    event.preventDefault();
    if (button.disabled) { return; }
    var problem = wrong();
    complain(problem);
    if (problem) { if (field) { field.focus(); } return; }
    button.disabled = true;
    say(data.words.opening);
    order();
  });
  window.addEventListener('pageshow', function (event) { if (event.persisted) { free(); } });
  label();
})();
