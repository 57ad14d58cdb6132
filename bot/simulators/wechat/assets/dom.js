// Small helpers: elements are built from nodes and text, never from markup strings.

export const $ = (id) => document.getElementById(id);

const SVG = "http://www.w3.org/2000/svg";

export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

export function face(kind, name = "") {
  const node = el("span", { class: `face ${kind}`, "aria-hidden": "true" });
  node.append(kind === "account" ? icon("yuan") : [...(name || "我")].slice(-1)[0]);
  return node;
}

export function button(label, onclick, props = {}) {
  return el("button", { type: "button", onclick, ...props }, label);
}

let toastTimer;
export function toast(text) {
  const node = $("toast");
  node.textContent = text;
  node.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (node.hidden = true), 2600);
}

// Errors of the server are sentences for the visitor; the class name before the colon is not.
export async function post(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(String(answer.error || "操作失败").replace(/^\w+: /, ""));
  return answer;
}

export function yuan(fen) {
  const sign = fen < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(fen) / 100).toString().replace(/\B(?=(\d{3})+$)/g, ",");
  return `${sign}${whole}.${String(Math.abs(fen) % 100).padStart(2, "0")}`;
}

// A bottom sheet with a shade; Escape, the shade and the cross close it.
export function sheet(title, ...content) {
  const before = document.activeElement;
  const shade = el("div", { class: "shade" });
  const head = el("header", {}, button(icon("close"), () => close(), { class: "icon", "aria-label": "关闭" }), el("h2", {}, title), el("span"));
  const node = el("section", { class: "sheet", role: "dialog", "aria-modal": "true", "aria-label": title, tabindex: "-1" }, head, ...content);
  const keys = (event) => event.key === "Escape" && close();
  const api = { node, close, onclose: null };
  function close() {
    document.removeEventListener("keydown", keys);
    shade.remove();
    node.remove();
    before?.focus?.({ preventScroll: true });
    api.onclose?.();
  }
  shade.addEventListener("click", close);
  document.addEventListener("keydown", keys);
  $("layers").append(shade, node);
  node.focus({ preventScroll: true });
  return api;
}
