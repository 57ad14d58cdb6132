// The pay sheet that getBrandWCPayRequest opens: facts, password pad, result.
import { $, button, el, icon, post, sheet, yuan } from "./dom.js";

const NEEDED = ["appId", "timeStamp", "nonceStr", "package", "signType", "paySign"];
const DIGITS = 6;

const first = (...values) => values.find((value) => value !== undefined && value !== null && value !== "");

function facts(given) {
  const amount = given.amount;
  return {
    fen: Number(first(amount?.payer_total, amount?.total, amount, given.total, 0)),
    merchant: String(first(given.merchant_name, given.merchant, given.mch_name, given.mchid, "商户")),
    description: String(first(given.description, given.body, "")),
  };
}

const sum = (fen) => el("div", { class: "sum" }, el("small", {}, "¥"), yuan(fen));

// Resolves to {err_msg, err_desc?} as the bridge hands it to the page.
export async function payment(params, who) {
  const missing = NEEDED.find((name) => !params?.[name] || typeof params[name] !== "string");
  if (missing) return fail(`调用支付JSAPI缺少参数：${missing}`);
  let shown;
  try {
    const given = await post("prepay", { ...who, package: params.package });
    if (given.payable === false) return fail(given.message || "订单不能支付");
    shown = facts(given);
  } catch (error) {
    return fail(error.message);
  }
  return new Promise((resolve) => open(params, who, shown, resolve));
}

const fail = (text) => ({ err_msg: "get_brand_wcpay_request:fail", err_desc: text });

function open(params, who, shown, resolve) {
  let digits = 0;
  let busy = false;
  let outcome = { err_msg: "get_brand_wcpay_request:cancel" };
  const boxes = el("div", { class: "boxes", role: "img", "aria-label": "支付密码" }, ...Array.from({ length: DIGITS }, () => el("i")));
  const say = el("p", { class: "say", role: "status" }, "演示环境：任意六位数字即可");
  const now = button("立即支付", confirm, { class: "btn wide", "data-testid": "pay-confirm" });
  const list = el("dl", {}, el("dt", {}, "付款方式"), el("dd", {}, "零钱（演示）"));
  if (shown.description) list.prepend(el("dt", {}, "商品"), el("dd", {}, shown.description));
  const layer = sheet("请输入支付密码", el("div", { class: "who" }, shown.merchant), sum(shown.fen), list, boxes, say, now, pad());
  layer.node.classList.add("pay");
  layer.node.dataset.testid = "pay-sheet";
  const keys = (event) => {
    if (/^\d$/.test(event.key)) press(1);
    else if (event.key === "Backspace") press(-1);
  };
  document.addEventListener("keydown", keys);
  layer.onclose = () => {
    document.removeEventListener("keydown", keys);
    if (!busy) resolve(outcome);
  };

  function pad() {
    const node = el("div", { class: "pad", role: "group", "aria-label": "数字键盘" });
    for (const digit of "123456789") node.append(button(digit, () => press(1)));
    node.append(el("span"), button("0", () => press(1)), button(icon("del"), () => press(-1), { class: "ghost", "aria-label": "删除" }));
    return node;
  }

  function press(step) {
    if (busy) return;
    digits = Math.max(0, Math.min(DIGITS, digits + step));
    [...boxes.children].forEach((box, index) => box.classList.toggle("on", index < digits));
    if (digits === DIGITS) confirm();
  }

  async function confirm() {
    if (busy) return;
    busy = true;
    now.textContent = "支付中…";
    const answer = await post("pay", { ...who, jsapi: params }).catch((error) => ({ result: "fail", message: error.message }));
    busy = false;
    if (answer.result === "ok") return paid();
    // A refusal leaves the sheet open, as the real one does; closing it reports the failure to the page.
    outcome = fail(answer.message);
    say.textContent = answer.message;
    say.classList.add("bad");
    now.textContent = "立即支付";
    digits = 0;
    press(0);
  }

  function paid() {
    busy = true;
    layer.close();
    const done = button("完成", () => {
      page.remove();
      resolve({ err_msg: "get_brand_wcpay_request:ok" });
    }, { class: "btn", "data-testid": "pay-done" });
    const page = el(
      "section",
      { class: "paid", role: "dialog", "aria-label": "支付成功", tabindex: "-1" },
      el("div", { class: "tick" }, icon("tick"), "支付成功"),
      el("div", { class: "who" }, shown.merchant),
      sum(shown.fen),
      done,
    );
    $("layers").append(page);
    page.focus({ preventScroll: true });
  }
}
