(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var form = document.getElementById('form');
  var field = document.getElementById('amount');
  var error = document.getElementById('error');
  var button = document.getElementById('go');

  function fen(text) {
    var match = /^(\d{1,8})(?:\.(\d{1,2}))?$/.exec(text.trim());
    return match ? Number(match[1]) * 100 + Number(((match[2] || '') + '00').slice(0, 2)) : null;
  }

  function check() {
    var amount = fen(field.value);
    var wrong = amount === null ? '请输入金额，如 25.50' :
      amount < data.minimum || amount > data.maximum ? '金额超出范围' : '';
    error.textContent = wrong;
    field.setAttribute('aria-invalid', wrong ? 'true' : 'false');
    return !wrong;
  }

  field.addEventListener('input', function () { error.textContent = ''; });
  form.addEventListener('submit', function (event) {
    if (!check()) { event.preventDefault(); field.focus(); return; }
    setTimeout(function () { button.disabled = true; }, 0);
  });
  window.addEventListener('pageshow', function () { button.disabled = false; });
})();
