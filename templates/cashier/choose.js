// A page on which the visitor chooses a wallet: a phone's own browser goes to its page, a desk shows its code.
(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var buttons = Array.from(document.querySelectorAll('[data-with]'));
  var notice = document.getElementById('notice');
  var code = document.getElementById('code');
  var hint = document.getElementById('hint');

  function say(text, bad) {
    notice.textContent = text;
    notice.classList.toggle('notice-bad', Boolean(bad));
  }
  function able(free) { buttons.forEach(function (button) { button.disabled = !free; }); }

  function shown(button, source) {
    code.src = source;
    code.alt = button.dataset.scan;
    hint.textContent = button.dataset.scan;
    buttons.forEach(function (each) { each.setAttribute('aria-pressed', String(each === button)); });
  }

  var till = window.makeTill(data.words, say, function () { able(true); });
  buttons.forEach(function (button) {
    button.addEventListener('click', function () {
      able(false);
      till.pay(data.order, 'with=' + button.dataset.with, function (source) { shown(button, source); });
    });
  });
  // Whoever comes back from a wallet's page finds here what became of it.
  till.watch(data.order);
  window.addEventListener('pageshow', function (event) { if (event.persisted) { say(''); able(true); } });
})();
