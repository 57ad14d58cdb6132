// Waits until the order is no longer as this page shows it, then goes where it is told now.
(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  (function next() {
    var asked = Date.now();
    function again() { setTimeout(next, Math.max(0, 1500 - (Date.now() - asked))); }
    fetch('/cashier/' + data.order + '/status?since=' + data.since, { headers: { Accept: 'application/json' } })
      .then(function (answer) { return answer.json(); })
      .then(function (answer) {
        if (answer.state === 'paid' || answer.state === 'settled') { location.replace(answer.receipt); }
        else if (answer.state && answer.state !== data.since) { location.reload(); }
        else { again(); }
      })
      .catch(again);
  })();
})();
