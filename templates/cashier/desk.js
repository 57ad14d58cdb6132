(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  function watch() {
    fetch('/cashier/' + data.order + '/status?since=created', { headers: { Accept: 'application/json' } })
      .then(function (answer) { return answer.json(); })
      .then(function (answer) {
        if (answer.state === 'paid') { location.replace(answer.receipt); }
        else if (answer.state === 'closed') { location.reload(); }
        else { watch(); }
      })
      .catch(function () { setTimeout(watch, 3000); });
  }
  watch();
})();
