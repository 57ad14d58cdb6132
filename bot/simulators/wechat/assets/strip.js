// The developer's strip: events of the product and the platform, one card for each trace.
import { $, el } from "./dom.js";

// kind → [label, tone]; the first ten are the product's, the rest the platform's own.
const KINDS = {
  webhook: ["入站", "#5cb0ff"],
  reply: ["回复", "#43d17f"],
  call: ["外呼", "#b89bff"],
  order: ["订单", "#ffb454"],
  charge: ["支付单", "#ff8f5a"],
  notice: ["通知", "#4fd6d2"],
  posting: ["分录", "#f2d45c"],
  biller: ["销账", "#e58fd0"],
  message: ["消息", "#8fd46a"],
  case: ["工单", "#ff6b78"],
};
const PLATFORM = {
  push: ["推送", "#5cb0ff"],
  passive: ["收到", "#43d17f"],
  custom: ["送达", "#8fd46a"],
  api: ["接口", "#b89bff"],
  oauth: ["授权", "#4fd6d2"],
  pay: ["支付", "#ff8f5a"],
  verify: ["验证", "#8b98ab"],
  fault: ["异常", "#ff6b78"],
};
const HUES = ["#43d17f", "#5cb0ff", "#ffb454", "#e58fd0", "#4fd6d2", "#b89bff", "#f2d45c", "#ff8f5a"];
const CARDS = 80;
const EVENTS_PER_CARD = 200;
const CORRELATION_EVENTS = 40;

function hue(trace) {
  let sum = 0;
  for (const char of trace) sum = (sum * 31 + char.codePointAt(0)) >>> 0;
  return HUES[sum % HUES.length];
}

export function createStrip() {
  const body = $("strip-body");
  const cards = new Map();
  // Recent platform events with a reference, waiting for a product event that names it.
  const waiting = [];
  let loose = null;

  function show(event) {
    const trace = event.trace_id || "";
    body.querySelector(".strip-empty")?.remove();
    const near = body.scrollHeight - body.scrollTop - body.clientHeight < 160;
    const card = trace ? traced(trace) : loosely();
    const row = drawn(event);
    card.add(row);
    // The liveliest trace is the last one, as in a list of chats.
    if (body.lastElementChild !== card.node) body.append(card.node);
    if (trace) adopt(event, card);
    else if (event.ref) remember(event, row, card);
    if (near) body.scrollTop = body.scrollHeight;
  }

  function traced(trace) {
    if (!cards.has(trace)) cards.set(trace, create(trace));
    loose = null;
    return cards.get(trace);
  }

  function loosely() {
    loose ??= create("");
    return loose;
  }

  function create(trace) {
    const count = el("span", { class: "span" });
    const label = trace ? `trace ${trace.length > 22 ? `${trace.slice(0, 8)}…${trace.slice(-8)}` : trace}` : "微信平台";
    const node = el("section", { class: trace ? "trace" : "trace loose", "data-trace": trace }, el("header", {}, el("b", { title: trace }, label), count));
    if (trace) node.style.setProperty("--hue", hue(trace));
    body.append(node);
    if (body.children.length > CARDS) {
      cards.delete(body.firstElementChild.dataset.trace);
      body.firstElementChild.remove();
    }
    const api = { node, add, refresh };
    function add(row) {
      // Rows of one trace stay in the order of time although two feeds bring them.
      const rows = [...node.querySelectorAll(".event")];
      const after = rows.findLast((other) => other.dataset.at <= row.dataset.at);
      if (after) after.after(row);
      else node.firstChild.after(row);
      if (rows.length > EVENTS_PER_CARD) rows[0].remove();
      refresh();
    }
    function refresh() {
      const rows = [...node.querySelectorAll(".event")];
      if (!rows.length) {
        node.remove();
        if (loose === api) loose = null;
        return;
      }
      const span = Date.parse(rows.at(-1).dataset.at) - Date.parse(rows[0].dataset.at);
      count.textContent = `${rows.length} 个事件 · ${span < 10000 ? `${Math.max(0, span)} ms` : `${(span / 1000).toFixed(1)} s`}`;
    }
    return api;
  }

  // A platform event joins the trace of the product event that mentions its message id.
  function remember(event, row, card) {
    waiting.push({ ref: event.ref, row, card });
    if (waiting.length > CORRELATION_EVENTS) waiting.shift();
    const known = [...cards.values()].find((other) => other.refs?.has(event.ref));
    if (known) move(waiting.length - 1, known);
  }

  function adopt(event, card) {
    const words = `${event.ref || ""} ${event.title} ${event.detail}`;
    for (let index = waiting.length - 1; index >= 0; index -= 1) {
      if (words.includes(waiting[index].ref)) {
        (card.refs ??= new Set()).add(waiting[index].ref);
        move(index, card);
      }
    }
  }

  function move(index, card) {
    const [{ row, card: from }] = waiting.splice(index, 1);
    card.add(row);
    from.refresh();
  }

  function drawn(event) {
    const product = event.side === "product";
    const [label, tone] = (product ? KINDS : PLATFORM)[event.kind] || [event.kind, "#8b98ab"];
    const long = product && event.detail;
    const row = el("div", { class: `event fresh ${event.side}${long ? " has-detail" : ""}`, "data-kind": event.kind, "data-at": event.at });
    row.addEventListener("animationend", () => row.classList.remove("fresh"));
    row.style.setProperty("--tone", tone);
    const what = el("span", { class: "what" }, event.title);
    row.append(el("time", {}, clock(event.at)), el("span", { class: "kind" }, label), what);
    if (!product && event.detail) what.append(el("small", {}, event.detail));
    if (long) {
      row.append(el("span", { class: "detail" }, event.detail));
      row.addEventListener("click", () => row.classList.toggle("open"));
    }
    return row;
  }

  function clear() {
    cards.clear();
    waiting.length = 0;
    loose = null;
    body.replaceChildren(
      el("div", { class: "strip-empty" }, "在手机里说一句 ", el("code", {}, "交物业费"), "，每一次推送、调用、通知与记账会按 trace 逐行出现在这里。"),
    );
  }

  function status(live) {
    const node = $("strip-state");
    node.classList.toggle("live", live);
    node.querySelector("b").textContent = live ? "产品在线" : "仅微信平台";
  }

  function fold() {
    const strip = $("strip");
    const small = matchMedia("(max-width: 860px)").matches;
    strip.classList.toggle(small ? "shown" : "folded");
    const open = small ? strip.classList.contains("shown") : !strip.classList.contains("folded");
    $("strip-fold").setAttribute("aria-expanded", String(open));
    $("strip-fold").setAttribute("aria-label", open ? "收起开发者视图" : "展开开发者视图");
    $("strip-open").setAttribute("aria-expanded", String(open));
  }

  clear();
  $("strip-clear").addEventListener("click", clear);
  $("strip-fold").addEventListener("click", fold);
  $("strip-open").addEventListener("click", fold);
  $("strip-legend").append(
    ...Object.values(KINDS).map(([label, tone]) => {
      const dot = el("i");
      dot.style.setProperty("--tone", tone);
      return el("span", {}, dot, label);
    }),
    el("span", {}, el("i", { class: "hollow" }), "空心＝微信平台"),
  );

  const source = new EventSource("trail");
  let seen = false;
  source.onopen = () => {
    // After a reconnection the server tells its history again.
    if (seen) clear();
    seen = true;
  };
  source.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.type === "trail_status") status(event.product);
    else show(event);
  };
}

function clock(at) {
  const date = new Date(at);
  const two = (value) => String(value).padStart(2, "0");
  if (Number.isNaN(date.getTime())) return "";
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}
