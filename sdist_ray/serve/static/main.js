// What is shown, and how it stays new: the server is asked every two seconds what has changed.

import { Refused, change, read } from "./api.js";
import { clock, count, el, number, percent, setText } from "./dom.js";
import { DistancingView } from "./distancing.js";
import { GraphView } from "./graph.js";
import { HealthView } from "./health.js";
import { PartitionsView } from "./partitions.js";

const EVERY_MS = globalThis.everyMs ?? 2000;
const SLOWEST_MS = 5 * EVERY_MS;
const PARTS = { topology: "topology", health: "health", partitions: "topology", distancing: "distances" };

const app = { status: null, data: {}, wake: () => poll(true) };
const views = { map: new GraphView(app), health: new HealthView(app), partitions: new PartitionsView(app), distancing: new DistancingView(app) };
const root = document.getElementById("view");
const held = {};
let current = null, view = null, failures = 0, lastGood = null, timer = null, busy = false;

function route() {
  const [, name, ...rest] = location.hash.split("/");
  let wanted = views[name] ? name : "map";
  if (!views[name] && app.status && !app.status.has.includes("topology") && app.status.has.includes("distances")) wanted = "distancing";
  const tail = decode(rest.join("/"));
  if (wanted === current) {
    view.route?.(tail);
    return;
  }
  view?.close?.();
  current = wanted;
  view = views[wanted];
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${wanted}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  view.open(root, tail);
  poll(true);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function poll(now = false) {
  if (busy) return;
  clearTimeout(timer);
  if (document.hidden && !now) return;
  busy = true;
  try {
    const status = await read("status");
    failures = 0;
    lastGood = status.time_s;
    const first = app.status === null;
    app.status = status;
    showStatus(status);
    if (first && !location.hash) {
      const before = current;
      route();
      if (before !== current) await fetchParts(status);
    }
    await fetchParts(status);
    notice(status.problems.length ? `Not readable now: ${status.problems.join("; ")}. What is shown is from before.` : status.state === "silent" ? status.message : "");
  } catch (error) {
    failures += 1;
    if (error instanceof Refused) notice(`The server refuses: ${error.message}.`);
    else if (failures > 1 || lastGood === null) {
      offline();
    }
  }
  busy = false;
  timer = setTimeout(poll, Math.min(SLOWEST_MS, EVERY_MS * 2 ** Math.max(0, failures - 1)));
}

async function fetchParts(status) {
  let changed = false;
  for (const part of view.needs) {
    const of = PARTS[part], sign = status.has.includes(of) ? `${status.boot}-${status.versions[of]}` : "none";
    if (held[part] === sign) continue;
    app.data[part] = sign === "none" ? null : await read(part);
    held[part] = sign;
    changed = true;
  }
  if (changed) view.update();
  else view.tick?.();
}

function offline() {
  const pill = document.getElementById("state");
  pill.dataset.state = "offline";
  setText(pill.lastChild, "not connected");
  const since = lastGood === null ? "" : ` What you see is as of ${clock(lastGood)}.`;
  notice(`The dashboard's server does not answer; it is tried again every few seconds.${since}`);
}

function notice(text) {
  const node = document.getElementById("notice");
  setText(node, text);
  node.hidden = !text;
}

function showStatus(status) {
  setText(document.getElementById("name"), status.name);
  document.title = `${status.name} · sdist_ray`;
  const pill = document.getElementById("state");
  pill.dataset.state = status.state === "waiting" ? "starting" : status.state;
  pill.title = status.message;
  setText(pill.lastChild, { live: "live", silent: "silent", ended: "ended", waiting: "nothing yet" }[status.state]);
  const figures = [["cameras", status.live === null ? count(status.cameras) : `${count(status.live)} of ${count(status.cameras)} live`]];
  if (status.edges !== null) figures.push(["edges", count(status.edges)]);
  if (status.frames_per_s !== null) figures.push(["frames/s", count(status.frames_per_s)]);
  if (status.state === "live" && status.delay_p99_s !== null) figures.push(["delay", number(status.delay_p99_s, 1, " s")]);
  if (status.state === "live" && status.late_fraction !== null) figures.push(["late", percent(status.late_fraction, 2)]);
  if (status.violations !== null) figures.push(["violations", count(status.violations)]);
  const list = document.getElementById("figures");
  while (list.children.length > figures.length) list.lastChild.remove();
  figures.forEach(([name, value], at) => {
    if (!list.children[at]) list.append(el("div", {}, el("dt"), el("dd")));
    setText(list.children[at].children[0], name);
    setText(list.children[at].children[1], value);
  });
  const has = (part) => status.has.includes(part);
  document.querySelector('nav [href="#/map"]').hidden = !has("topology") && !has("health") && has("distances");
  document.querySelector('nav [href="#/health"]').hidden = !has("health");
  document.querySelector('nav [href="#/partitions"]').hidden = !has("topology");
  document.querySelector('nav [href="#/distancing"]').hidden = !has("distances");
  document.getElementById("add").hidden = !(status.writable && status.state === "live");
}

const adding = document.getElementById("new-camera");
document.getElementById("add").onclick = () => {
  adding.querySelector("form").reset();
  adding.querySelector(".error").textContent = "";
  adding.showModal();
};
adding.querySelector("[value=cancel]").onclick = () => adding.close();
adding.querySelector("form").onsubmit = async (event) => {
  event.preventDefault();
  const fields = new FormData(event.target), fps = fields.get("fps");
  try {
    await change("POST", "cameras", { cameras: [{ id: fields.get("id"), url: fields.get("url").trim(), ...(fps ? { fps: Number(fps) } : {}) }] });
    adding.close();
    poll(true);
  } catch (error) {
    adding.querySelector(".error").textContent = error.message;
  }
};

document.addEventListener("visibilitychange", () => document.hidden || poll(true));
addEventListener("hashchange", route);
route();
