// What WeChat puts into every page: user agent, WeixinJSBridge, and messages to the phone around the frame.
(() => {
  "use strict";
  const UA = "__USER_AGENT__";
  const phone = window.parent === window ? null : window.parent;
  const pending = new Map();
  let sequence = 0;

  Object.defineProperty(navigator, "userAgent", { get: () => UA, configurable: true });

  const tell = (message) => phone && phone.postMessage(message, "*");

  function pay(params, done) {
    if (!phone) return done({ err_msg: "get_brand_wcpay_request:fail", err_desc: "请在演示手机里打开" });
    sequence += 1;
    pending.set(sequence, done);
    tell({ wechat: "pay", id: sequence, params });
  }

  window.addEventListener("message", (event) => {
    if (!phone || event.source !== phone || event.data?.wechat !== "answer") return;
    const done = pending.get(event.data.id);
    pending.delete(event.data.id);
    if (done) done(event.data.result);
  });

  const SILENT = ["hideOptionMenu", "showOptionMenu", "hideToolbar", "showToolbar", "setPageTitle"];
  const bridge = {
    invoke(name, params, done = () => {}) {
      if (name === "getBrandWCPayRequest") return pay(params, done);
      if (name === "closeWindow") {
        tell({ wechat: "close" });
        return done({ err_msg: "close_window:ok" });
      }
      return done({ err_msg: SILENT.includes(name) ? `${name}:ok` : `system:function_not_exist` });
    },
    call(name, params, done) {
      bridge.invoke(name, params, done);
    },
    on() {},
    log() {},
  };

  // The real bridge comes some time after the page: a page that does not wait for it must fail here too.
  function ready() {
    setTimeout(() => {
      window.WeixinJSBridge = bridge;
      document.dispatchEvent(new Event("WeixinJSBridgeReady"));
    }, 60);
    hello();
    const title = document.querySelector("title");
    if (title) new MutationObserver(hello).observe(title, { childList: true });
  }
  const hello = () => tell({ wechat: "hello", title: document.title });

  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready);
  else ready();
  window.addEventListener("pageshow", (event) => event.persisted && hello());
  window.addEventListener("beforeunload", () => tell({ wechat: "leave" }));
})();
