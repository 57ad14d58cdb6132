// The cashier's counter: an amount, a payer's code from a gun, a camera or WeChat's own scanner, and what became of it.
(function () {
  'use strict';
  var data = JSON.parse(document.getElementById('data').textContent);
  var at = '/till/' + data.device + '/charges';
  function el(id) { return document.getElementById(id); }
  var form = el('form'), amount = el('amount'), code = el('code'), error = el('error');
  var go = el('go'), scan = el('scan'), cancel = el('cancel'), next = el('next'), camera = el('camera');
  var charge = null, stream = null;
  var titles = { waiting: ['顾客正在输入密码', 'wait'], confirming: ['正在确认付款结果', 'wait'], paid: ['收款成功', 'good'],
    failed: ['收款没有成功', 'bad'], cancelling: ['正在取消', 'wait'], cancelled: ['已取消，顾客没有付款', 'bad'],
    returned: ['已取消，付款会退回顾客', 'bad'] };
  var whys = { balance_too_low: '顾客余额不足，请换一种付款方式。', code_expired: '付款码已过期，请顾客刷新后重新扫描。',
    auth_code: '这不是付款码，请重新扫描。', wallet_unsupported: '本店还不能用这个钱包收款。', closed_hours: '现在不在收款时间内。',
    amount_range: '金额超出可收的范围。', charge_in_flight: '上一笔还没有结束。', over_limit: '超过单笔上限，请分次收款。',
    offline: '网络不通，请检查网络。如果顾客已付款，请稍后查询，不要重复收款。', signed_out: '登录已过期，请重新登录。' };

  function fen(text) {
    var match = /^(\d{1,8})(?:\.(\d{1,2}))?$/.exec(text.trim());
    return match ? Number(match[1]) * 100 + Number(((match[2] || '') + '00').slice(0, 2)) : 0;
  }
  function show(element, yes) { element.classList.toggle('hidden', !yes); element.hidden = !yes; }
  function complain(text) { error.textContent = text; }
  function number() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), function (byte) { return ('0' + byte.toString(16)).slice(-2); }).join('');
  }
  function call(method, address, body) {
    return fetch(address, { method: method, headers: { Accept: 'application/json', 'Content-Type': 'application/json' },
      body: body ? JSON.stringify(body) : undefined })
      .then(function (answer) { return answer.json().then(function (told) { return { status: answer.status, told: told }; }); });
  }
  function render(state, why) {
    var title = titles[state] || titles.confirming;
    el('title').textContent = title[0];
    el('title').className = 'msg-title ' + title[1];
    el('sum').textContent = charge ? '¥' + (charge.amount / 100).toFixed(2) : '';
    el('text').textContent = why || '';
    show(el('result'), true);
    var over = !charge || charge.final;
    show(go, false); show(scan, false);
    show(cancel, Boolean(charge) && !over && state !== 'cancelling');
    show(next, over);
    if (over) { next.focus(); }
  }
  function refused(status, told) {
    charge = null;
    if (status === 401) { location.reload(); return; }
    render('failed', whys[told.code] || '请稍后再试；没有向顾客收款。');
  }
  function follow() {
    if (!charge || charge.final) { return; }
    call('GET', at + '/' + charge.id + '?wait=20&since=' + charge.state).then(function (answer) {
      if (answer.status !== 200) { throw new Error('status'); }
      charge = answer.told;
      render(charge.state, charge.failure ? whys[charge.failure] || '支付机构没有接受这笔付款。' : '');
      follow();
    }).catch(function () { el('text').textContent = whys.offline; setTimeout(follow, 2000); });
  }
  function take() {
    var sum = fen(amount.value), digits = code.value.trim();
    if (!sum || sum < data.minimum || sum > data.maximum) { complain('请输入可收的金额，例如 25.50'); amount.focus(); return; }
    if (!/^\d{16,24}$/.test(digits)) { complain('请扫描顾客的付款码'); code.focus(); return; }
    complain('');
    code.value = '';
    show(go, false); show(scan, false);
    // One press is one request: repeated after a broken line it meets the charge that is there already.
    var body = { request_no: number(), amount: sum, auth_code: digits };
    (function send(tries) {
      call('POST', at, body).then(function (answer) {
        if (answer.status !== 201) { refused(answer.status, answer.told); return; }
        charge = answer.told;
        render(charge.state, charge.failure ? whys[charge.failure] || '支付机构没有接受这笔付款。' : '');
        follow();
      }).catch(function () {
        if (tries > 0) { setTimeout(function () { send(tries - 1); }, 1500); } else { charge = null; render('confirming', whys.offline); show(next, true); }
      });
    })(3);
  }
  function again() {
    charge = null;
    show(el('result'), false); show(next, false); show(cancel, false); show(go, true); ready();
    amount.value = ''; code.value = '';
    amount.focus();
  }
  function found(text) { code.value = text.replace(/^.*,/, ''); stopCamera(); take(); }
  function stopCamera() {
    show(camera, false);
    if (stream) { stream.getTracks().forEach(function (track) { track.stop(); }); stream = null; }
  }
  function look(detector) {
    if (!stream) { return; }
    detector.detect(camera).then(function (codes) {
      if (codes.length && /^\d{16,24}$/.test(codes[0].rawValue)) { found(codes[0].rawValue); } else { setTimeout(function () { look(detector); }, 150); }
    }).catch(function () { setTimeout(function () { look(detector); }, 300); });
  }
  function openCamera() {
    navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }).then(function (given) {
      stream = given;
      camera.srcObject = given;
      show(camera, true);
      return camera.play();
    }).then(function () { look(new window.BarcodeDetector({ formats: ['code_128', 'qr_code'] })); })
      .catch(function () { complain('打不开相机，请用扫码枪或输入数字'); });
  }
  function ready() {
    var wechat = data.wx && window.wx && window.wx.scanQRCode;
    show(scan, Boolean(wechat || (window.BarcodeDetector && navigator.mediaDevices)));
  }
  scan.addEventListener('click', function () {
    if (data.wx && window.wx && window.wx.scanQRCode) {
      window.wx.scanQRCode({ needResult: 1, scanType: ['qrCode', 'barCode'], success: function (result) { found(result.resultStr); } });
    } else { openCamera(); }
  });
  cancel.addEventListener('click', function () {
    if (!charge) { return; }
    show(cancel, false);
    call('POST', at + '/' + charge.id + '/cancel').then(function (answer) {
      if (answer.status === 200) { charge = answer.told; render(charge.state); }
    }).catch(function () { show(cancel, true); });
  });
  next.addEventListener('click', again);
  // A scanning gun types the digits and Enter; that is all it needs.
  form.addEventListener('submit', function (event) { event.preventDefault(); if (!go.hidden) { take(); } });
  amount.addEventListener('keydown', function (event) { if (event.key === 'Enter') { event.preventDefault(); code.focus(); } });
  // WeChat's scanner comes from WeChat's own host; without it the page works by gun, by camera or by hand.
  if (data.wx) {
    var library = document.createElement('script');
    library.src = data.wx.library;
    library.onload = function () {
      var config = Object.assign({ debug: false, jsApiList: ['scanQRCode'] }, data.wx);
      delete config.library;
      window.wx.config(config);
      window.wx.ready(ready);
    };
    document.head.appendChild(library);
  }
  ready();
  amount.focus();
})();
