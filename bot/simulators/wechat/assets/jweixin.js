// Stands in for jweixin: the part of the JS-SDK that a payment page uses, over the injected bridge.
(() => {
  "use strict";
  let settle;
  let appid = "";
  const configured = new Promise((resolve) => (settle = resolve));
  let onError = () => {};

  const bridged = (work) => {
    if (window.WeixinJSBridge) work();
    else document.addEventListener("WeixinJSBridgeReady", work, { once: true });
  };

  function finish(name, options, result) {
    const answer = { errMsg: `${name}:${result}` };
    if (result === "ok") options.success?.(answer);
    else if (result === "cancel") options.cancel?.(answer);
    else options.fail?.(answer);
    options.complete?.(answer);
  }

  const wx = {
    config(options) {
      appid = options.appId;
      fetch("/__wechat__/config", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ...options, url: location.href }),
      })
        .then((response) => response.json())
        .then((answer) => (answer.ok ? settle() : onError({ errMsg: "config:fail,invalid signature" })))
        .catch(() => onError({ errMsg: "config:fail" }));
    },
    ready: (work) => configured.then(() => bridged(work)),
    error: (work) => (onError = work),
    checkJsApi(options) {
      const known = Object.fromEntries((options.jsApiList || []).map((name) => [name, name in wx]));
      options.success?.({ errMsg: "checkJsApi:ok", checkResult: known });
    },
    // The SDK spells timestamp in small letters and takes the appid from wx.config.
    chooseWXPay(options) {
      const { timestamp, nonceStr, package: prepay, signType, paySign } = options;
      const params = { appId: appid, timeStamp: String(timestamp), nonceStr, package: prepay, signType, paySign };
      bridged(() =>
        window.WeixinJSBridge.invoke("getBrandWCPayRequest", params, (result) =>
          finish("chooseWXPay", options, result.err_msg.split(":")[1]),
        ),
      );
    },
    closeWindow: () => bridged(() => window.WeixinJSBridge.invoke("closeWindow")),
  };
  const silent = ["hideOptionMenu", "showOptionMenu", "hideMenuItems", "updateAppMessageShareData", "updateTimelineShareData"];
  for (const name of silent) wx[name] = (options = {}) => finish(name, options, "ok");
  window.wx = window.jWeixin = wx;
})();
