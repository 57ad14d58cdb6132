// The phone: loads its state, listens to its chat, and turns taps into requests.
import { createChat, summary } from "./chat.js";
import { $, button, el, face, icon, post, sheet, toast } from "./dom.js";
import { createStrip } from "./strip.js";
import { createWebview } from "./webview.js";

const chosen = new URLSearchParams(location.search);
const who = { openid: chosen.get("openid") || "", appid: chosen.get("appid") || "" };
let state = null;
let events = null;
// Events that come while the state is being fetched; null when nothing is.
let held = null;
let typingTimer;

const attempt = (work) => work.catch((error) => toast(error.message));

const webview = createWebview({
  who: () => who,
  origin: () => state.webview_origin,
  account: () => state.account.name,
});

const actions = {
  media: (id) => `media/${encodeURIComponent(who.appid)}/${encodeURIComponent(id)}`,
  open: (url) => attempt(post("link", { ...who, url }).then((answer) => webview.open(answer.open))),
  menuLine: (text, menuid) => say(text, menuid),
  follow: () => tapEvent("subscribe"),
};
const chat = createChat(actions);

async function load() {
  held ??= [];
  const response = await fetch(`state?${new URLSearchParams(who)}`);
  if (!response.ok) throw new Error("手机未能启动");
  state = await response.json();
  draw();
  const late = held || [];
  held = null;
  for (const event of late) ON[event.type](event);
}

function draw() {
  who.openid = state.openid;
  who.appid = state.appid;
  document.title = state.title;
  title();
  chat.reset(state);
  chips();
  menu(state.menu);
  follow(state.follows);
}

function title(text = "") {
  $("title").textContent = text || state.account.name;
}

function chips() {
  $("chips").replaceChildren(
    ...state.chips.map((text) => {
      const scans = text.startsWith("扫");
      const node = button(text, () => (scans ? scanner() : say(text)));
      if (scans) node.prepend(icon("scan"));
      return node;
    }),
  );
}

function follow(follows) {
  state.follows = follows;
  if (follows) document.querySelector(".stranger")?.remove();
  $("composer").hidden = !follows;
  $("chips").hidden = !follows;
  $("menu").hidden = !follows || !state.menu;
}

function menu(given) {
  state.menu = given;
  const slots = (given?.button || []).map((item) => {
    const label = button(item.name, () => (item.sub_button?.length ? subs(slot, item) : tap(item)));
    if (item.sub_button?.length) {
      label.prepend(icon("list"));
      label.setAttribute("aria-haspopup", "menu");
    }
    const slot = el("div", { class: "slot" }, label);
    return slot;
  });
  $("menu").replaceChildren(...slots);
  $("menu").hidden = !slots.length || !state.follows;
}

function subs(slot, item) {
  const open = slot.querySelector(".subs");
  closeSubs();
  if (open) return;
  const list = item.sub_button.map((sub) => button(sub.name, () => (closeSubs(), tap(sub)), { role: "menuitem" }));
  slot.append(el("div", { class: "subs", role: "menu" }, ...list));
}

const closeSubs = () => document.querySelectorAll(".subs").forEach((node) => node.remove());

const TAPS = {
  click: (item) => post("tap", { ...who, event: "CLICK", key: item.key }),
  view: async (item) => {
    await post("tap", { ...who, event: "VIEW", key: item.url });
    await actions.open(item.url);
  },
  scancode_push: (item) => Promise.resolve(scanner(item)),
  scancode_waitmsg: (item) => Promise.resolve(scanner(item)),
};

function tap(item) {
  const act = Object.hasOwn(TAPS, item.type) ? TAPS[item.type] : null;
  if (act) attempt(act(item));
  else toast("演示手机不支持这种菜单");
}

function say(text, menuid = "") {
  const words = text.trim();
  if (words) attempt(post("say", { ...who, text: words, menuid: menuid || undefined }));
}

// A scan from the menu is told to the account as well; one from the key goes straight to the code.
function scanner(item = null) {
  const input = el("input", { type: "url", placeholder: "或粘贴二维码里的网址", "aria-label": "二维码内容", inputmode: "url" });
  const codes = state.codes.map((code, index) =>
    el("button", { type: "button", onclick: () => found(code.url) }, el("img", { src: `code/${index}`, alt: "" }), code.label),
  );
  const form = el("form", { class: "address" }, input, el("button", { class: "btn small", type: "submit" }, "识别"));
  const hint = codes.length ? "选一张码，就像把镜头对准它。" : "还没有可扫的码，请粘贴网址。";
  const layer = sheet("扫一扫", el("p", { class: "hint" }, hint), el("div", { class: "codes" }, ...codes), form);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (input.value.trim()) found(input.value.trim());
  });

  async function found(url) {
    layer.close();
    if (item) {
      const event = { ...who, event: item.type, key: item.key, scan_result: url };
      await attempt(post("tap", event));
      if (item.type === "scancode_waitmsg") return;
    }
    const answer = await attempt(post("scan", { ...who, url }));
    if (answer?.open) webview.open(answer.open);
  }
}

function profile() {
  const head = el("div", { class: "profile" }, face("account"), el("div", {}, el("b", {}, state.account.name), el("span", {}, state.account.intro)));
  const people = el("div", { class: "group" }, el("h3", {}, "用谁的微信"));
  for (const person of state.people) {
    const mine = person.openid === state.person;
    const row = button(face("user", person.nickname), () => swap({ openid: person.openid }), { "aria-pressed": String(mine) });
    row.append(person.nickname);
    if (mine) row.append(icon("tick"));
    people.append(row);
  }
  const leave = state.follows
    ? button("取消关注", () => (layer.close(), tapEvent("unsubscribe")), { class: "btn wide danger" })
    : button("关注公众号", () => (layer.close(), tapEvent("subscribe")), { class: "btn wide" });
  const layer = sheet("公众号资料", head, people, leave);

  function swap(change) {
    layer.close();
    attempt(switched(change));
  }
}

function accounts() {
  if (state.accounts.length < 2) return toast("演示只有这一个会话");
  const list = el("div", { class: "group" });
  const layer = sheet("会话", list);
  for (const account of state.accounts) {
    const row = button(face("account"), () => (layer.close(), attempt(switched({ appid: account.appid, openid: state.person }))));
    row.append(account.name);
    list.append(row);
  }
}

async function switched(change) {
  Object.assign(who, change);
  webview.close();
  await load();
  history.replaceState(null, "", `?${new URLSearchParams(who)}`);
  listen();
}

const tapEvent = (event) => attempt(post("tap", { ...who, event, key: "" }));

const ON = {
  message: (event) => {
    chat.append(event.entry);
    if (event.entry.sender === "account" && webview.isOpen()) banner(event.entry);
  },
  menu: (event) => menu(event.menu),
  follow: (event) => {
    follow(event.follows);
    if (!event.follows) toast("已取消关注");
  },
  typing: (event) => {
    clearTimeout(typingTimer);
    title(event.on ? "对方正在输入…" : "");
    if (event.on) typingTimer = setTimeout(title, 15000);
  },
};

function listen() {
  events?.close();
  events = new EventSource(`events?${new URLSearchParams(who)}`);
  // Listening comes before loading, at first and after a broken connection, so that nothing is missed between.
  events.onopen = () => attempt(load());
  events.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (!Object.hasOwn(ON, event.type)) return;
    if (held) held.push(event);
    else ON[event.type](event);
  };
}

let bannerTimer;
function banner(entry) {
  const node = $("banner");
  node.replaceChildren(face("account"), el("div", {}, el("b", {}, state.account.name), el("span", {}, summary(entry))));
  node.hidden = false;
  clearTimeout(bannerTimer);
  bannerTimer = setTimeout(() => (node.hidden = true), 5000);
}

function wire() {
  const input = $("text");
  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    say(input.value);
    input.value = "";
    $("composer").classList.remove("typing");
  });
  input.addEventListener("input", () => $("composer").classList.toggle("typing", Boolean(input.value.trim())));
  $("scan").addEventListener("click", () => scanner());
  $("more").addEventListener("click", profile);
  $("back").addEventListener("click", accounts);
  $("banner").addEventListener("click", () => {
    $("banner").hidden = true;
    webview.close();
  });
  document.addEventListener("click", (event) => event.target.closest(".menu") || closeSubs());
  const tick = () => {
    const now = new Date();
    $("clock").textContent = `${now.getHours()}:${String(now.getMinutes()).padStart(2, "0")}`;
  };
  tick();
  setInterval(tick, 10000);
}

wire();
createStrip();
attempt(load().then(listen));
