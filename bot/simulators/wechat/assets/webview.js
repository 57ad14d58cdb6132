// The in-phone browser: a title bar, a frame, and the page's side of WeixinJSBridge.
import { $, button, el, icon, toast } from "./dom.js";
import { payment } from "./pay.js";

export function createWebview(context) {
  let node = null;
  let frame = null;
  let title = null;

  function open(address) {
    close();
    title = el("h2", {}, "加载中…");
    frame = el("iframe", { src: address, title: "网页", allow: "clipboard-write", "data-testid": "webview" });
    const shut = button(icon("close"), close, { class: "icon", "aria-label": "关闭网页" });
    node = el(
      "section",
      { class: "view loading", role: "dialog", "aria-label": "网页", tabindex: "-1" },
      el("div", { class: "bar" }, shut, el("div", {}, title), el("span")),
      el("div", { class: "progress" }),
      frame,
    );
    frame.addEventListener("load", () => node?.classList.remove("loading"));
    $("layers").append(node);
    node.focus({ preventScroll: true });
  }

  function close() {
    node?.remove();
    node = frame = null;
  }

  const ACTIONS = {
    hello: (data) => {
      title.textContent = data.title || context.account();
      frame.title = data.title || "网页";
    },
    leave: () => node.classList.add("loading"),
    close: () => close(),
    toast: (data) => toast(String(data.text)),
    pay: async (data) => {
      const target = frame;
      const result = await payment(data.params, context.who());
      if (result.err_desc) toast(result.err_desc);
      target?.contentWindow?.postMessage({ wechat: "answer", id: data.id, result }, context.origin());
    },
  };

  // Only the frame's own window, and only from the web view's origin.
  window.addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== context.origin()) return;
    const action = Object.hasOwn(ACTIONS, event.data?.wechat) ? ACTIONS[event.data.wechat] : null;
    action?.(event.data);
  });

  return { open, close, isOpen: () => Boolean(node) };
}
