(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var button = document.getElementById('pay');
  var notice = document.getElementById('notice');

  function say(text, bad) {
    notice.textContent = text;
    notice.classList.toggle('notice-bad', Boolean(bad));
  }
  function free() { button.disabled = false; }

  var till = window.makeTill(data.words, say, free);
  button.addEventListener('click', function () {
    button.disabled = true;
    till.pay(data.order);
  });
  // A page that comes back from the browser's memory must not keep a dead button.
  window.addEventListener('pageshow', function (event) { if (event.persisted) { free(); } });
})();
