// Drawing of the conversation: bubbles, cards, clickable lines and times.
import { $, button, el, face, icon } from "./dom.js";

const ANCHOR = /<a\s([^>]*)>([\s\S]*?)<\/a>/gi;
const ATTRIBUTE = /([\w-]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g;
const PLAIN_URL = /https?:\/\/[^\s<>"'，。；（）]+/g;
const QUIET_MS = 5 * 60 * 1000;

const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
const decoded = (text) => text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => ENTITIES[name]);

export function createChat(actions) {
  const box = $("chat");
  let last = 0;
  let nickname = "";
  const shown = new Set();

  function reset(state) {
    box.replaceChildren();
    shown.clear();
    last = 0;
    nickname = state.nickname;
    if (!state.chat.some((entry) => entry.msgtype !== "event")) box.append(welcome(state));
    for (const entry of state.chat) append(entry, false);
    box.scrollTop = box.scrollHeight;
  }

  function append(entry, smooth = true) {
    if (entry.msgtype === "event" || shown.has(entry.id)) return;
    shown.add(entry.id);
    const at = Date.parse(entry.at);
    if (at - last > QUIET_MS || !last) box.append(el("div", { class: "time" }, clock(at)));
    last = at;
    box.append(drawn(entry));
    requestAnimationFrame(() => box.scrollTo({ top: box.scrollHeight, behavior: smooth ? "smooth" : "auto" }));
  }

  function drawn(entry) {
    if (entry.sender === "system") return el("div", { class: "system" }, entry.text);
    const side = entry.sender === "user" ? "user" : "account";
    const body = (DRAW[entry.msgtype] || other)(entry);
    if (body.classList.contains("card")) return el("div", { class: "row wide", "data-id": entry.id }, body);
    const who = side === "user" ? face("user", nickname) : face("account");
    return el("div", { class: `row ${side}`, "data-id": entry.id, "data-via": entry.via }, who, body);
  }

  const bubble = (...children) => el("div", { class: "bubble" }, ...children);
  const other = (entry) => bubble(entry.title || entry.label || `[${NAMES[entry.msgtype] || entry.msgtype}]`);

  const DRAW = {
    text: (entry) => bubble(...rich(entry.text)),
    image: (entry) => {
      const node = el("div", { class: "bubble picture" });
      node.append(el("img", { src: actions.media(entry.media_id), alt: "图片" }));
      return node;
    },
    news: (entry) => news(entry.articles),
    msgmenu: (entry) =>
      bubble(
        ...rich(entry.head ? `${entry.head}\n` : ""),
        ...entry.items.map((item) => button(item.content, () => actions.menuLine(item.content, item.id), { class: "menu-line" })),
        ...rich(entry.tail),
      ),
    template: (entry) => notice(entry),
  };

  // Text with <a href> as WeChat allows it, and bare addresses; everything else is shown as typed.
  function rich(text) {
    const nodes = [];
    let from = 0;
    for (const found of text.matchAll(ANCHOR)) {
      nodes.push(...plain(text.slice(from, found.index)), anchor(found[1], found[2]));
      from = found.index + found[0].length;
    }
    nodes.push(...plain(text.slice(from)));
    return nodes;
  }

  function plain(text) {
    const nodes = [];
    let from = 0;
    for (const found of text.matchAll(PLAIN_URL)) {
      nodes.push(text.slice(from, found.index), link(found[0], found[0]));
      from = found.index + found[0].length;
    }
    nodes.push(text.slice(from));
    return nodes.filter(Boolean);
  }

  function anchor(attributes, label) {
    const given = {};
    for (const [, name, double, single] of attributes.matchAll(ATTRIBUTE)) given[name.toLowerCase()] = decoded(double ?? single);
    const text = decoded(label.replace(/<[^>]*>/g, ""));
    const href = given.href || "";
    if (href.startsWith("weixin://bizmsgmenu?")) {
      const query = new URLSearchParams(href.split("?")[1]);
      const content = query.get("msgmenucontent") || text;
      return el("a", { href: "#", onclick: (event) => { event.preventDefault(); actions.menuLine(content, query.get("msgmenuid") || ""); } }, text);
    }
    return link(href, text);
  }

  function link(href, label) {
    if (!/^https?:\/\//i.test(href)) return document.createTextNode(label);
    return el("a", { href, rel: "noreferrer", onclick: (event) => { event.preventDefault(); actions.open(href); } }, label);
  }

  function picture(url) {
    return url ? el("img", { src: url, alt: "", onerror: (event) => event.target.remove() }) : null;
  }

  function news(articles) {
    if (articles.length === 1) {
      const [one] = articles;
      const text = el("span", {}, el("i", {}, one.description), picture(one.picurl));
      return el("button", { type: "button", class: "news-one", onclick: () => actions.open(one.url) }, el("b", {}, one.title), text);
    }
    const [first, ...rest] = articles;
    const cover = el("button", { type: "button", class: "cover", onclick: () => actions.open(first.url) }, picture(first.picurl), el("span", {}, first.title));
    const rows = rest.map((item) => el("button", { type: "button", class: "more", onclick: () => actions.open(item.url) }, el("span", {}, item.title), picture(item.picurl)));
    return el("article", { class: "card" }, cover, ...rows);
  }

  function notice(entry) {
    const list = el("dl");
    for (const row of entry.rows) {
      if (row.label) list.append(el("dt", {}, row.label), el("dd", {}, row.value));
      else if (row.value) list.append(el("dd", { class: "whole" }, row.value));
    }
    const detail = entry.url ? button("查看详情", () => actions.open(entry.url), { class: "detail" }) : null;
    detail?.append(icon("right"));
    return el("article", { class: "card notice" }, el("h3", {}, entry.title), list, detail);
  }

  function welcome(state) {
    const node = el("div", { class: "welcome" }, face("account"), el("h2", {}, state.account.name), el("p", {}, state.account.intro));
    if (!state.follows) {
      node.classList.add("stranger");
      node.append(button("关注公众号", actions.follow, { class: "btn", id: "follow" }), el("small", {}, "关注后即可在聊天里办理"));
    }
    return node;
  }

  return { reset, append };
}

const NAMES = { voice: "语音", video: "视频", shortvideo: "小视频", location: "位置", link: "链接", music: "音乐", miniprogrampage: "小程序" };

// The words of an entry for a banner, without markup.
export function summary(entry) {
  if (entry.msgtype === "news") return entry.articles[0]?.title || "";
  if (entry.msgtype === "msgmenu") return entry.head || entry.items.map((item) => item.content).join(" ");
  const text = entry.text || entry.title || `[${NAMES[entry.msgtype] || "图片"}]`;
  return decoded(text.replace(/<[^>]*>/g, ""));
}

function clock(at) {
  const date = new Date(at);
  const time = `${date.getHours()}:${String(date.getMinutes()).padStart(2, "0")}`;
  const today = new Date().toDateString() === date.toDateString();
  return today ? time : `${date.getMonth() + 1}月${date.getDate()}日 ${time}`;
}
