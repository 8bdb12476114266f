// The health view: the network over the last hour, its workers, and all of its cameras, those in trouble first.

import { lines } from "./charts.js";
import { TROUBLE, Table, ago, bytes, clock, count, el, number, percent, pill, setText } from "./dom.js";
import { card, empty } from "./page.js";

const STEP = 200;

export class HealthView {
  needs = ["health"];

  constructor(app) {
    this.app = app;
    this.state = "";
    this.text = "";
    this.before = new Map();
    this.rates = new Map();
  }

  open(root) {
    this.limit = STEP;
    this.tiles = el("div", { class: "tiles charts" });
    this.charts = new Map();
    this.workers = new Table([
      { name: "Worker", of: (w) => String(w.number), class: "id" },
      { name: "State", of: (w) => pill(w.alive ? "live" : "lost") },
      { name: "Node", of: (w) => w.node },
      { name: "Cameras", of: (w) => count(w.cameras), class: "n" },
      { name: "Frames/s", of: (w) => count(w.frames_per_s), class: "n" },
      { name: "CPUs", of: (w) => number(w.busy, 2), class: "n" },
      { name: "Memory", of: (w) => bytes(w.rss_bytes), class: "n" },
    ], "Workers");
    this.cameras = new Table([
      { name: "Camera", of: (c) => el("a", { href: `#/map/${encodeURIComponent(c.id)}` }, c.id), sign: (c) => c.id, class: "id" },
      { name: "State", of: (c) => pill(c.state) },
      { name: "Frames/s", of: (c) => number(this.rates.get(c.id) ?? null, 1), class: "n" },
      { name: "Delay", of: (c) => number(c.delay_p50_s, 1, " s"), class: "n" },
      { name: "Late", of: (c) => count(c.late), class: "n" },
      { name: "Dropped", of: (c) => count(c.dropped), class: "n" },
      { name: "Last frame", of: (c) => ago(c.last_frame_age_s), class: "n" },
      { name: "Sees someone", of: (c) => percent(c.occupancy_rate, 0), class: "n" },
      { name: "Worker", of: (c) => (c.worker === null ? "–" : String(c.worker)), class: "n" },
      { name: "Problem", of: (c) => c.problem ?? "", class: "text" },
    ], "Cameras");
    this.chips = el("div", { class: "chips", role: "group", "aria-label": "Filter cameras by state" });
    this.search = el("input", { type: "search", placeholder: "Find a camera", "aria-label": "Find a camera by its id", value: this.text, oninput: (event) => { this.text = event.target.value.trim().toLowerCase(); this.#fill(); } });
    this.more = el("button", { type: "button", class: "more", hidden: true, onclick: () => { this.limit += STEP; this.#fill(); } });
    this.told = el("p", { role: "status", class: "hidden-label" });
    this.workerCard = card("Workers", this.workers.node);
    this.page = el("div", { class: "page" }, this.tiles, this.workerCard, card("Cameras", this.chips, this.told, this.cameras.node, this.more));
    this.blank = empty("No live network", "Health is known of networks that run with source=live.");
    root.replaceChildren(this.page, this.blank);
    this.update();
  }

  update() {
    const found = this.app.data.health, health = found?.health;
    this.page.hidden = !health;
    this.blank.hidden = Boolean(health);
    if (!health) return;
    const past = found.history, times = past.time_s ?? [];
    const rate = times.map((t, i) => (i ? (Math.max(0, past.late[i] - past.late[i - 1]) * 60) / Math.max(1, t - times[i - 1]) : null));
    const live = health.cameras_by_state.live ?? 0;
    const slope = health.memory_slope_mb_per_min;
    this.#tile("Cameras live", `${count(live)} of ${count(health.cameras_total)}`, "", { series: [{ name: "live", values: past.live ?? [] }, { name: "all", values: past.cameras ?? [] }] }, times);
    this.#tile("Throughput", `${count(health.frames_per_s)}`, "frames a second", { series: [{ name: "frames/s", values: past.frames_per_s ?? [] }] }, times);
    this.#tile("Delay, capture to counted", number(health.delay_p50_s, 1, " s"), `99 %: ${number(health.delay_p99_s, 1, " s")}`, { unit: " s", series: [{ name: "half", values: past.delay_p50_s ?? [] }, { name: "99 %", values: past.delay_p99_s ?? [] }] }, times);
    this.#tile("Late data", percent(health.late_fraction, 2), `${count(health.rows_late)} rows`, { series: [{ name: "rows a minute", values: rate }] }, times);
    this.#tile("Memory", bytes(health.rss_bytes), slope === null ? "" : `${slope >= 0 ? "+" : ""}${slope.toFixed(1)} MB a minute`, { unit: " MB", series: [{ name: "MB", values: (past.rss_bytes ?? []).map((b) => b && b / 2 ** 20) }] }, times);
    this.#tile("Edges", count(health.edges), `${count(health.ranges_counted)} ranges counted, ${count(health.ranges_closed - health.ranges_counted)} waiting${health.workers_lost ? `; ${count(health.workers_lost)} worker${health.workers_lost > 1 ? "s" : ""} lost` : ""}`, { series: [{ name: "edges", values: past.edges ?? [] }] }, times);
    this.workerCard.hidden = !health.workers.length;
    this.workers.update(health.workers, (worker) => worker.number);
    const passed = health.time_s - (this.time_s ?? health.time_s);
    if (passed > 0 || this.time_s === undefined) {
      for (const camera of health.cameras) {
        const before = this.before.get(camera.id);
        if (before !== undefined && passed > 0) this.rates.set(camera.id, Math.max(0, camera.processed - before) / passed);
        this.before.set(camera.id, camera.processed);
      }
      this.time_s = health.time_s;
    }
    this.#chips(health);
    this.#fill();
  }

  #tile(name, value, remark, chart, times) {
    let tile = this.charts.get(name);
    if (!tile) {
      tile = { value: el("b"), remark: el("small"), chart: el("div"), sign: "" };
      tile.node = el("section", { class: "card tile" }, el("span", {}, name), tile.value, tile.remark, tile.chart);
      this.charts.set(name, tile);
      this.tiles.append(tile.node);
    }
    setText(tile.value, value);
    setText(tile.remark, remark);
    const sign = `${times.length} ${times[times.length - 1]}`;
    if (tile.sign !== sign) {
      tile.sign = sign;
      tile.chart.replaceChildren(times.length > 1 ? lines({ label: `${name} over the last hour`, times, format: clock, width: 290, height: 120, ...chart }) : "");
    }
  }

  #chips(health) {
    const states = Object.entries(health.cameras_by_state), trouble = health.cameras.filter(wrong).length;
    const wanted = [["", `all ${count(health.cameras_total)}`], ["!", `in trouble ${count(trouble)}`], ...states.map(([state, many]) => [state, `${state} ${count(many)}`])];
    wanted.forEach(([state, text], at) => {
      let chip = this.chips.children[at];
      if (!chip || chip === this.search) {
        chip = el("button", { type: "button", onclick: (event) => { this.state = event.currentTarget.dataset.state; this.limit = STEP; this.update(); } });
        this.chips.insertBefore(chip, this.search.parentNode ? this.search : null);
      }
      chip.dataset.state = state;
      setText(chip, text);
      chip.setAttribute("aria-pressed", String(this.state === state));
    });
    while (this.chips.children.length > wanted.length + (this.search.parentNode ? 1 : 0)) this.chips.children[wanted.length].remove();
    if (!this.search.parentNode) this.chips.append(this.search);
  }

  #fill() {
    const health = this.app.data.health?.health;
    if (!health) return;
    const kept = health.cameras.filter((camera) => (!this.state || (this.state === "!" ? wrong(camera) : camera.state === this.state)) && camera.id.toLowerCase().includes(this.text));
    kept.sort((one, other) => wrong(other) - wrong(one));
    this.cameras.update(kept.slice(0, this.limit), (camera) => camera.id);
    setText(this.told, `${kept.length} cameras`);
    this.more.hidden = kept.length <= this.limit;
    setText(this.more, `Show more of ${count(kept.length)} cameras`);
  }
}

function wrong(camera) {
  return TROUBLE.includes(camera.state) || Boolean(camera.problem);
}
