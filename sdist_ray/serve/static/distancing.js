// The distancing view: people from above at any moment, violations, and how both went over time.

import { read } from "./api.js";
import { keys } from "./charts.js";
import { Table, clock, colourOf, count, day, el, number, setText, svg } from "./dom.js";
import { card, empty } from "./page.js";

const PER_SECOND = 5;
const PAGE = 50;
const LOOKS = ["brief", "long", "serious"];
const COLOURS = { brief: "#e0b04a", long: "#e4572e", serious: "#d0213b" };

export class DistancingView {
  needs = ["distancing"];

  constructor(app) {
    this.app = app;
    this.camera = "";
    this.severity = "";
  }

  open(root) {
    this.found = null;
    this.at = null;
    this.offset = 0;
    this.canvas = el("canvas", { role: "img", "aria-label": "People from above" });
    this.slider = el("input", { type: "range", "aria-label": "Time", step: 0.1, oninput: (event) => this.seek(Number(event.target.value)) });
    this.output = el("output", {}, "");
    this.button = el("button", { type: "button", class: "main", onclick: () => this.play(!this.playing) }, "Play");
    this.now = el("ul", { class: "now-list" });
    this.nowTitle = el("h3", { role: "status" });
    this.select = el("select", { "aria-label": "Camera", onchange: (event) => { this.camera = event.target.value; this.offset = 0; this.moment = null; this.#ask(); this.#list(); } });
    this.history = el("div");
    this.people = el("div");
    this.chips = el("div", { class: "chips", role: "group", "aria-label": "Filter violations by severity" });
    this.table = new Table([
      { name: "Start", of: (v) => el("button", { type: "button", onclick: () => { this.play(false); this.seek(v.start_s); this.canvas.scrollIntoView({ block: "center" }); } }, day(v.start_s)), sign: (v) => String(v.start_s) },
      { name: "Lasted", of: (v) => number(v.end_s - v.start_s, 1, " s"), class: "n" }, { name: "Severity", of: (v) => v.severity },
      { name: "Least distance", of: (v) => number(v.least_distance, v.unit === "m" ? 2 : 0, ` ${v.unit}`), class: "n" },
      { name: "People", of: (v) => `${v.person_a ?? "?"} and ${v.person_b ?? "?"}` }, { name: "Cameras", of: (v) => v.cameras.join(", "), class: "text" },
    ], "Violations");
    this.more = el("button", { type: "button", class: "more", hidden: true, onclick: () => { this.offset += PAGE; this.#list(true); } }, "Show more");
    this.caption = el("figcaption");
    this.page = el("div", { class: "page" },
      card("From above", el("div", { class: "chips" }, el("label", {}, "Camera ", this.select)),
        el("div", { class: "above" }, el("figure", {}, el("div", { class: "plan" }, this.canvas), this.caption, el("div", { class: "player" }, this.button, this.slider, this.output)), el("div", {}, this.nowTitle, this.now))),
      el("div", { class: "tiles charts" }, card("Violations over time", this.history), card("People over time", this.people)),
      card("Violations", this.chips, this.table.node, this.more));
    this.blank = empty("No distances", "sdist-ray distancing finds people who are too close to each other.");
    root.replaceChildren(this.page, this.blank);
    this.resize = new ResizeObserver(() => this.#draw());
    this.resize.observe(this.canvas);
    this.update();
  }

  close() {
    this.play(false);
    this.resize.disconnect();
  }

  update() {
    const found = this.app.data.distancing;
    this.page.hidden = !found;
    this.blank.hidden = Boolean(found);
    if (!found) return;
    const followed = this.at === null || this.at >= (this.found?.last_s ?? 0) - 1;
    this.found = found;
    [this.slider.min, this.slider.max] = [found.first_s, found.last_s];
    const named = found.cameras.filter((camera) => camera.extent);
    this.select.replaceChildren(el("option", { value: "" }, "all, on one ground"), ...named.map((camera) => el("option", { value: camera.id }, camera.id)));
    if (!named.some((camera) => camera.id === this.camera)) this.camera = named.length === 1 ? named[0].id : this.camera && "";
    this.select.value = this.camera;
    this.#history();
    this.#list();
    if (followed) this.#newest();
    else this.seek(this.at);
  }

  // The last violation is where there is something to see.
  async #newest() {
    let at = this.found.last_s;
    if (this.app.status?.state !== "live") {
      const { violations } = await read("violations?limit=1");
      if (violations.length) at = (violations[0].start_s + violations[0].end_s) / 2;
    }
    this.seek(at);
  }

  seek(at) {
    this.at = Math.min(Math.max(at, this.found.first_s), this.found.last_s);
    this.slider.value = this.at;
    setText(this.output, clock(this.at));
    this.slider.setAttribute("aria-valuetext", clock(this.at));
    if (this.marker) {
      const x = this.place(this.at);
      this.marker.setAttribute("x1", x);
      this.marker.setAttribute("x2", x);
    }
    this.#ask();
  }

  play(on) {
    this.playing = on;
    setText(this.button, on ? "Pause" : "Play");
    clearInterval(this.timer);
    if (!on) return;
    if (this.at >= this.found.last_s) this.seek(this.found.first_s);
    this.timer = setInterval(() => {
      if (this.asking) return;
      this.seek(this.at + 1 / PER_SECOND);
      if (this.at >= this.found.last_s) this.play(false);
    }, 1000 / PER_SECOND);
  }

  async #ask() {
    if (this.asking) {
      this.again = true;
      return;
    }
    this.asking = true;
    try {
      const only = this.camera ? `&camera=${encodeURIComponent(this.camera)}` : "";
      this.moment = await read(`people?at_s=${this.at}${only}`);
      this.#draw();
      this.#now();
    } catch {
      // The page says so when the server is gone.
      this.play(false);
    }
    this.asking = false;
    if (this.again) {
      this.again = false;
      this.#ask();
    }
  }

  #now() {
    const found = this.moment.violations;
    setText(this.nowTitle, found.length ? `${found.length} violation${found.length > 1 ? "s" : ""} now` : "Nobody is too close now");
    this.now.replaceChildren(...found.slice(0, 12).map((v) => el("li", { class: v.severity }, `${v.person_a ?? "?"} and ${v.person_b ?? "?"}, ${number(v.least_distance, v.unit === "m" ? 2 : 0, ` ${v.unit}`)}`,
      el("small", {}, `since ${clock(v.start_s)}, ${v.severity}; ${v.cameras.join(", ")}`))));
  }

  #draw() {
    const { canvas, moment, found } = this, rect = canvas.getBoundingClientRect();
    if (!found || !rect.width) return;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    [canvas.width, canvas.height] = [rect.width * ratio, rect.height * ratio];
    const c = canvas.getContext("2d"), style = getComputedStyle(document.documentElement), of = (name) => style.getPropertyValue(name).trim();
    c.scale(ratio, ratio);
    const extents = found.cameras.filter((camera) => camera.extent && (!this.camera || camera.id === this.camera)).map((camera) => camera.extent);
    if (!extents.length) {
      setText(this.caption, "Where people were is not known.");
      return;
    }
    const low = [0, 1].map((i) => Math.min(...extents.map((e) => e[i]))), high = [2, 3].map((i) => Math.max(...extents.map((e) => e[i])));
    const pixels = found.unit === "px", pad = pixels ? 20 : 1;
    const scale = Math.min(rect.width / (high[0] - low[0] + 2 * pad), rect.height / (high[1] - low[1] + 2 * pad));
    const middle = [(low[0] + high[0]) / 2, (low[1] + high[1]) / 2];
    // The ground's y grows away from the camera, an image's downwards.
    const put = (x, y) => [(x - middle[0]) * scale + rect.width / 2, (pixels ? 1 : -1) * (y - middle[1]) * scale + rect.height / 2];
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((size) => size * scale >= 26) ?? 1000;
    c.strokeStyle = of("--line");
    c.lineWidth = 1;
    c.beginPath();
    const wide = rect.width / 2 / scale, tall = rect.height / 2 / scale;
    for (let x = Math.ceil((middle[0] - wide) / step) * step; x <= middle[0] + wide; x += step) { const [sx] = put(x, 0); c.moveTo(sx, 0); c.lineTo(sx, rect.height); }
    for (let y = Math.ceil((middle[1] - tall) / step) * step; y <= middle[1] + tall; y += step) { const [, sy] = put(0, y); c.moveTo(0, sy); c.lineTo(rect.width, sy); }
    c.stroke();
    const people = moment?.people ?? [], close = new Map();
    for (const v of moment?.violations ?? []) {
      const ends = [v.person_a, v.person_b].map((who) => people.find((one) => String(one.person ?? one.track) === who && one.cameras.some((camera) => v.cameras.includes(camera))));
      for (const one of ends) if (one) close.set(one, v.severity);
      if (ends[0] && ends[1]) {
        c.strokeStyle = COLOURS[v.severity];
        c.lineWidth = 3;
        c.beginPath();
        c.moveTo(...put(ends[0].x, ends[0].y));
        c.lineTo(...put(ends[1].x, ends[1].y));
        c.stroke();
      } else if (v.x_m !== null) {
        c.strokeStyle = COLOURS[v.severity];
        c.lineWidth = 2;
        c.beginPath();
        c.arc(...put(v.x_m, v.y_m), 8, 0, 7);
        c.stroke();
      }
    }
    for (const one of people) {
      const [x, y] = put(one.x, one.y);
      if (!pixels) {
        c.fillStyle = close.has(one) ? COLOURS[close.get(one)] : of("--accent");
        c.globalAlpha = 0.13;
        c.beginPath();
        c.arc(x, y, (found.limit / 2) * scale, 0, 7);
        c.fill();
        c.globalAlpha = 1;
      }
      c.fillStyle = close.has(one) ? COLOURS[close.get(one)] : one.group !== null ? colourOf(3) : of("--accent");
      c.beginPath();
      c.arc(x, y, 5.5, 0, 7);
      c.fill();
      c.fillStyle = of("--muted");
      c.font = "11px system-ui, sans-serif";
      c.fillText(String(one.person ?? one.track), x + 8, y - 6);
    }
    setText(this.caption, `${people.length} people. One square is ${step} ${found.unit}${pixels ? "" : `; circles touch at ${found.limit} m`}. Violet: of a group, who may be close.`);
    canvas.setAttribute("aria-label", `People from above: ${people.length} people, ${(moment?.violations ?? []).length} violations`);
  }

  #history() {
    const { history } = this.found, width = 560, height = 130, bins = history.time_s.length;
    const span = Math.max(this.found.last_s - this.found.first_s, 1e-3);
    this.place = (t) => ((t - this.found.first_s) / span) * width;
    const picture = (label, stacks, unit) => {
      const most = Math.max(1e-9, ...history.time_s.map((_, i) => stacks.reduce((sum, [, values]) => sum + values[i], 0)));
      const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": `${label}: at most ${most.toFixed(1)} ${unit}` });
      const wide = width / bins;
      for (let i = 0; i < bins; i++) {
        let y = height - 18;
        for (const [look, values] of stacks) {
          const tall = (values[i] / most) * (height - 34);
          if (tall > 0) chart.append(svg("rect", { x: i * wide, y: (y -= tall), width: Math.max(1, wide - 0.6), height: tall, class: look }));
        }
      }
      chart.append(svg("text", { x: 0, y: 11 }, `at most ${most.toFixed(1)} ${unit}`), svg("text", { x: 0, y: height - 3 }, clock(this.found.first_s)), svg("text", { x: width, y: height - 3, "text-anchor": "end" }, clock(this.found.last_s)));
      chart.addEventListener("click", (event) => {
        const rect = chart.getBoundingClientRect();
        this.seek(this.found.first_s + ((event.clientX - rect.left) / rect.width) * span);
      });
      return chart;
    };
    const violations = picture("Violations over time", LOOKS.map((look) => [look, history[look]]), `s in ${history.bin_s.toFixed(1)} s`);
    this.marker = svg("line", { y1: 14, y2: height - 18, class: "now" });
    violations.append(this.marker);
    this.history.replaceChildren(violations, keys(LOOKS.map((look) => [look, look])));
    this.people.replaceChildren(picture("People over time", [["b0", history.people]], "people at once"));
  }

  async #list(more = false) {
    if (!more) this.offset = 0;
    const query = new URLSearchParams({ limit: PAGE, offset: this.offset });
    if (this.camera) query.set("camera", this.camera);
    if (this.severity) query.set("severity", this.severity);
    let found;
    try {
      found = await read(`violations?${query}`);
    } catch {
      return;
    }
    this.rows = more ? [...this.rows, ...found.violations] : found.violations;
    this.table.update(this.rows.map((v, at) => ({ ...v, at })), (v) => `${v.at} ${v.start_s} ${v.person_a}`);
    this.more.hidden = this.rows.length >= found.total;
    this.chips.replaceChildren(...["", ...LOOKS].map((look) => el("button", { type: "button", "aria-pressed": String(this.severity === look), onclick: () => { this.severity = look; this.#list(); } }, look || "all")),
      el("span", { role: "status" }, `${count(found.total)} violations`));
  }
}
