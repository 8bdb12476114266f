// The map view: the graph of cameras, a list of them beside it, and one of them in detail.

import { picture, read, change } from "./api.js";
import { STATE_COLOURS, TROUBLE, ago, colourOf, count, el, number, percent, pill, setText, svg } from "./dom.js";
import { Map2D, short } from "./map.js";
import { confirmRemoval, empty } from "./page.js";

const MOST_LISTED = 200;

export class GraphView {
  needs = ["topology", "health"];

  constructor(app) {
    this.app = app;
    this.filter = { text: "", state: "", component: "", kind: "", score: 0, colour: "component" };
    this.selected = null;
    this.lit = null;
  }

  open(root, rest) {
    this.canvas = el("canvas", { tabindex: 0, role: "application", "aria-label": "Map of cameras", "aria-describedby": "map-keys" });
    this.tip = el("div", { class: "tip", hidden: true });
    this.list = el("ul");
    this.listed = el("p", { role: "status" });
    this.detail = el("aside", { class: "detail", "aria-label": "Camera", hidden: true });
    this.selects = {};
    const choice = (name, label, options) => {
      this.selects[name] = el("select", { "aria-label": label, onchange: (event) => this.#set(name, event.target.value) }, options.map(([value, text]) => el("option", { value }, text)));
      return el("label", {}, label, this.selects[name]);
    };
    this.output = el("output", {}, "all");
    const search = el("input", { type: "search", placeholder: "Find a camera", "aria-label": "Find a camera by its id", autocomplete: "off", spellcheck: "false", oninput: (event) => this.#set("text", event.target.value.trim().toLowerCase()) });
    search.value = this.filter.text;
    search.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") this.list.querySelector("button")?.focus();
      if (event.key === "Enter" && this.matches?.length) this.select(this.ids[this.matches[0]]);
    });
    const side = el("div", { class: "side" },
      el("div", { class: "filters", role: "search", "aria-label": "Filter" },
        el("div", { class: "wide" }, search),
        choice("state", "State", [["", "all"]]), choice("component", "Component", [["", "all"]]),
        choice("kind", "Edges", [["", "all"], ["0", "overlap"], ["1", "transit"]]),
        choice("colour", "Colour by", [["component", "component"], ["state", "state"], ["group", "partition"]]),
        el("div", { class: "wide label" }, "Confidence of at least ", this.output,
          el("input", { type: "range", "aria-label": "Confidence of at least, percent", min: 0, max: 100, step: 1, value: 100 * this.filter.score, oninput: (event) => this.#set("score", event.target.value / 100) }))),
      el("div", { class: "cameras" }, this.listed, this.list));
    this.list.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const buttons = [...this.list.querySelectorAll("button")], at = buttons.indexOf(document.activeElement) + step;
      if (at < 0) search.focus();
      else buttons[Math.min(at, buttons.length - 1)]?.focus();
    });
    const line = (look) => {
      const picture = svg("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" });
      picture.append(svg("line", { x1: 1, x2: 25, y1: 5, y2: 5 }));
      return el("span", { class: look }, picture, look === "walk" ? "transit" : "overlap", el("span", { class: "wordy" }, look === "walk" ? "(people walk from one to the other)" : "(they see the same place)"));
    };
    this.stage = el("div", { class: "stage" }, this.canvas, this.tip,
      el("div", { class: "zoom" },
        el("button", { type: "button", "aria-label": "Zoom in", onclick: () => this.map.zoom(1.4) }, "+"),
        el("button", { type: "button", "aria-label": "Zoom out", onclick: () => this.map.zoom(1 / 1.4) }, "−"),
        el("button", { type: "button", "aria-label": "Show all", onclick: () => this.map.fit() }, "⤢")),
      el("div", { class: "legend" }, line("overlap"), line("walk"), el("span", { class: "wordy" }, "thicker: more links; fainter: less sure"), el("span", {}, el("i", { class: "ring" }), "in trouble")),
      el("p", { id: "map-keys", class: "hidden-label" }, "Arrow keys move the map, plus and minus zoom, 0 shows all, Enter selects the camera in the middle, Escape lets go of it. The list holds the same cameras."));
    this.root = el("div", { class: "map" }, side, this.stage, this.detail);
    root.replaceChildren(this.root);
    this.map = new Map2D(this.canvas, {
      onpick: (camera) => this.select(camera < 0 ? null : this.ids[camera], false),
      onhover: (camera, place) => this.#hover(camera, place),
    });
    this.ids = null;
    this.shownGraph = null;
    this.selected = rest || null;
    this.update();
  }

  close() {
    this.map.close();
  }

  route(rest) {
    if ((rest || null) !== this.selected) {
      this.selected = rest || null;
      this.#apply();
      this.#openDetail(true);
    }
  }

  select(id, follow = true) {
    if (id === this.selected) return;
    this.selected = id;
    this.lit = null;
    history.replaceState(null, "", id === null ? "#/map" : `#/map/${encodeURIComponent(id)}`);
    this.#apply();
    this.#openDetail(follow);
  }

  #set(name, value) {
    this.filter[name] = value;
    if (name === "score") setText(this.output, value > 0 ? `${Math.round(100 * value)} %` : "all");
    this.#apply();
  }

  update() {
    const { topology, health } = this.app.data;
    if (!topology) {
      if (!health?.health) {
        if (!this.blank) this.root.before((this.blank = empty("No topology yet", "The first one is published half a minute after a network starts.")));
        this.root.hidden = true;
        return;
      }
    }
    this.blank?.remove();
    this.blank = null;
    this.root.hidden = false;
    const graph = topology ?? fromHealth(health.health.cameras);
    this.states = new Map((health?.running ? health.health?.cameras ?? [] : []).map((camera) => [camera.id, camera]));
    if (graph !== this.shownGraph) {
      if (topology || !this.shownGraph || this.shownGraph.cameras.id.length !== graph.cameras.id.length) this.shownGraph = graph;
    }
    this.ids = this.shownGraph.cameras.id;
    this.#options();
    this.#apply();
    if (this.selected !== null) this.#openDetail(this.opened !== this.selected);
  }

  #stateOf(i) {
    return this.states.get(this.ids[i])?.state ?? (this.shownGraph.cameras.failed[i] ? "failed" : "ended");
  }

  #options() {
    const states = new Map(), components = new Map();
    for (let i = 0; i < this.ids.length; i++) {
      const state = this.#stateOf(i), component = this.shownGraph.cameras.component[i];
      states.set(state, (states.get(state) ?? 0) + 1);
      components.set(component, (components.get(component) ?? 0) + 1);
    }
    const trouble = [...states].filter(([state]) => TROUBLE.includes(state)).reduce((sum, [, many]) => sum + many, 0);
    fill(this.selects.state, [["", "all"], ["!", `in trouble (${trouble})`], ...[...states].map(([state, many]) => [state, `${state} (${many})`])], this.filter.state);
    const named = [...components].sort(([one], [other]) => one - other).slice(0, 200);
    fill(this.selects.component, [["", "all"], ...named.map(([which, many]) => [String(which), which < 0 ? `none (${many})` : `${which + 1} (${many})`])], this.filter.component);
    this.selects.kind.value = this.filter.kind;
    this.selects.colour.value = this.filter.colour;
  }

  #apply() {
    if (!this.ids) return;
    const { cameras, edges } = this.shownGraph, { text, state, component, kind, score, colour } = this.filter;
    const many = this.ids.length, shown = new Uint8Array(many), colours = new Array(many), trouble = new Uint8Array(many);
    this.matches = [];
    for (let i = 0; i < many; i++) {
      const found = this.#stateOf(i);
      trouble[i] = TROUBLE.includes(found) ? 1 : 0;
      shown[i] = (!text || this.ids[i].toLowerCase().includes(text)) && (!state || (state === "!" ? trouble[i] : found === state)) && (!component || String(cameras.component[i]) === component) ? 1 : 0;
      colours[i] = colour === "state" ? STATE_COLOURS[found] ?? "#8a94a0" : colourOf(cameras[colour === "group" ? "group" : "component"][i]);
      if (shown[i]) this.matches.push(i);
    }
    const shownEdges = new Uint8Array(edges.a.length), degree = new Uint32Array(many);
    for (let e = 0; e < edges.a.length; e++) {
      if (edges.score[e] < score || (kind && edges.kind[e] !== Number(kind))) continue;
      degree[edges.a[e]]++;
      degree[edges.b[e]]++;
      shownEdges[e] = shown[edges.a[e]] && shown[edges.b[e]] ? 1 : 0;
    }
    this.index ??= new Map();
    if (this.indexed !== this.shownGraph) {
      this.index = new Map(this.ids.map((id, i) => [id, i]));
      this.indexed = this.shownGraph;
    }
    this.map.show(this.shownGraph, shown, shownEdges, colours, trouble);
    this.map.select(this.selected === null ? -1 : this.index.get(this.selected) ?? -1, false);
    this.#fillList(colours, trouble, degree);
  }

  #fillList(colours, trouble, degree) {
    const first = [...this.matches.filter((i) => trouble[i]), ...this.matches.filter((i) => !trouble[i])].slice(0, MOST_LISTED);
    const all = this.matches.length === this.ids.length ? `${count(this.ids.length)} cameras` : `${count(this.matches.length)} of ${count(this.ids.length)} cameras`;
    setText(this.listed, this.matches.length > MOST_LISTED ? `${all}; the first ${MOST_LISTED} are listed` : all);
    while (this.list.children.length > first.length) this.list.lastChild.remove();
    first.forEach((i, place) => {
      let row = this.list.children[place];
      if (!row) {
        const button = el("button", { type: "button", onclick: (event) => this.select(event.currentTarget.value) }, el("i", { class: "dot" }), el("span"), el("small"));
        row = el("li", {}, button);
        this.list.append(row);
      }
      const button = row.firstChild, [dot, name, remark] = button.children, state = this.#stateOf(i);
      if (button.value !== this.ids[i]) button.value = this.ids[i];
      dot.style.background = colours[i];
      setText(name, this.ids[i]);
      setText(remark, trouble[i] ? state : degree[i] ? `${degree[i]} edge${degree[i] > 1 ? "s" : ""}` : "");
      remark.classList.toggle("bad", Boolean(trouble[i]));
      if (this.ids[i] === this.selected) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  #hover(camera, place) {
    this.tip.hidden = camera < 0 || !place;
    if (this.tip.hidden) return;
    const edges = this.map.neighbours.get(camera)?.length ?? 0;
    this.tip.replaceChildren(this.ids[camera], el("small", {}, `${this.#stateOf(camera)}, ${edges} edge${edges === 1 ? "" : "s"}`));
    this.tip.style.left = `${Math.min(place[0], this.stage.clientWidth - 180)}px`;
    this.tip.style.top = `${Math.min(place[1], this.stage.clientHeight - 70)}px`;
  }

  async #openDetail(follow) {
    const id = this.selected;
    this.root.classList.toggle("with-detail", id !== null);
    this.detail.hidden = id === null;
    if (id === null) {
      this.opened = null;
      return;
    }
    if (follow) requestAnimationFrame(() => this.map.select(this.index.get(id) ?? -1, true));
    let found;
    try {
      found = await read(`camera?id=${encodeURIComponent(id)}`);
    } catch (error) {
      if (id === this.selected && this.opened !== id) this.detail.replaceChildren(this.#top(id), el("p", { class: "problem" }, `${error.message}.`));
      return;
    }
    if (id !== this.selected) return;
    const fresh = this.opened !== id;
    const sign = JSON.stringify([found, this.lit]);
    if (!fresh && sign === this.sign) return;
    this.opened = id;
    this.sign = sign;
    const held = this.detail.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.#drawDetail(found);
    if (held) [...this.detail.querySelectorAll("[data-key]")].find((node) => node.dataset.key === held)?.focus();
    if (fresh && matchMedia("(max-width: 820px)").matches) this.detail.scrollIntoView({ block: "start", behavior: "instant" });
  }

  #top(id) {
    return el("div", { class: "top" }, el("h2", {}, id), el("button", { type: "button", "aria-label": "Close", "data-key": "close", onclick: () => { this.select(null); this.canvas.focus(); } }, "×"));
  }

  #drawDetail(found) {
    const health = found.health, state = health?.state ?? (found.status === "failed" ? "failed" : "ended");
    const partners = colourPartners(found);
    const facts = health
      ? [["Worker", health.worker ?? "–"], ["Delay", number(health.delay_p50_s, 1, " s")], ["Frames in", count(health.frames_in)], ["Dropped", count(health.dropped)],
         ["Late rows", count(health.late)], ["Last frame", `${ago(health.last_frame_age_s)} ago`], ["Reconnects", count(health.reconnects)], ["Sees someone", percent(health.occupancy_rate)]]
      : [["Frames", count(found.frames)], ["Ticks seen", count(found.ticks_available)], ["Ticks missed", count(found.ticks_unavailable)]];
    facts.push(["Component", found.component < 0 ? "none" : found.component + 1]);
    if (found.group >= 0) facts.push(["Partition", found.group]);
    const problem = health?.problem ?? found.message;
    const views = el("div");
    this.#drawViews(views, found, partners);
    this.detail.replaceChildren(
      this.#top(found.id), pill(state), problem ? el("p", { class: "problem" }, problem) : "", ...found.warnings.map((text) => el("p", { class: "problem" }, text)),
      views,
      el("section", {}, el("h3", {}, found.edges.length ? `Edges (${found.edges.length})` : "No edges"), found.edges.length ? this.#edgeTable(found, partners) : ""),
      el("section", {}, el("h3", {}, "Numbers"), el("dl", { class: "facts" }, facts.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, String(value)))))),
      this.app.status?.writable && this.app.status.state === "live" ? el("section", {}, el("button", { type: "button", "data-key": "remove", onclick: () => this.#remove(found.id) }, "Remove from the network")) : "");
  }

  #edgeTable(found, partners) {
    const rows = found.edges.slice(0, 100).map((edge) => {
      const other = edge.camera_a === found.id ? edge.camera_b : edge.camera_a, lit = this.lit === other;
      return el("tr", {},
        el("td", {}, el("button", { type: "button", "data-key": `lit ${other}`, "aria-pressed": String(lit), title: "Show what both see", onclick: () => { this.lit = lit ? null : other; this.sign = null; this.#openDetail(false); } }, el("i", { class: "dot" }), ` ${short(other, 18)}`)),
        el("td", {}, edge.kind === "transit" ? `transit${edge.transit_mean_s ? ` ${edge.transit_mean_s.toFixed(1)} s` : ""}` : "overlap"),
        el("td", { class: "n" }, count(edge.links)), el("td", { class: "n" }, `${(100 * edge.score).toFixed(0)} %`),
        el("td", {}, el("button", { type: "button", "data-key": `go ${other}`, "aria-label": `Go to ${other}`, onclick: () => this.select(other) }, "→")));
    });
    rows.forEach((row, at) => {
      const edge = found.edges[at], other = edge.camera_a === found.id ? edge.camera_b : edge.camera_a;
      const dot = row.querySelector(".dot");
      dot.style.display = "inline-block";
      dot.style.background = partners.get(other) ?? "#8a94a0";
    });
    const head = ["Camera", "Kind", "Links", "Sure", ""].map((name, at) => el("th", { scope: "col", class: at === 2 || at === 3 ? "n" : "" }, name));
    return el("table", {}, el("thead", {}, el("tr", {}, head)), el("tbody", {}, rows));
  }

  #drawViews(root, found, partners) {
    if (!found.grid) return;
    const { links, grid } = found;
    const mine = new Map(), theirs = new Map();
    links.window.forEach((window, at) => {
      if (this.lit !== null && links.other[at] !== this.lit) return;
      mine.set(window, partners.get(links.other[at]));
      if (this.lit !== null) theirs.set(links.other_window[at], partners.get(this.lit));
    });
    const mode = this.mode ?? "links";
    const heat = mode === "heat" && found.occupied_ticks && this.lit === null;
    const told = this.lit !== null ? `Windows that see the same place as ${this.lit}.` : heat ? "How often each window was occupied; the most often is darkest." : `Windows that are linked: ${new Set(links.window).size} of ${grid.columns * grid.rows}, in the colour of the camera that they are linked to.`;
    root.append(view(found.id, grid, mine, heat ? found.occupied_ticks : null, found.picture, told));
    if (this.lit !== null) root.append(view(this.lit, grid, theirs, null, true, `The same in ${this.lit}.`));
    if (this.lit === null && found.occupied_ticks) {
      const radio = (value, text) => el("label", {}, el("input", { type: "radio", name: "mode", value, checked: mode === value, "data-key": value, onchange: () => { this.mode = value; this.sign = null; this.#openDetail(false); } }), text);
      root.append(el("div", { class: "choice", role: "radiogroup", "aria-label": "Show on the picture" }, radio("links", "Linked windows"), radio("heat", "Occupancy")));
    }
  }

  async #remove(id) {
    const done = await confirmRemoval(id, () => change("DELETE", `cameras?id=${encodeURIComponent(id)}`));
    if (done) this.select(null);
  }
}

function fill(select, options, value) {
  const sign = JSON.stringify(options);
  if (select.dataset.sign !== sign) {
    select.dataset.sign = sign;
    if (!options.some(([found]) => found === value)) options.push([value, value]);
    select.replaceChildren(...options.map(([found, text]) => el("option", { value: found }, text)));
  }
  select.value = value;
}

function colourPartners(found) {
  const partners = new Map();
  found.edges.forEach((edge, at) => partners.set(edge.camera_a === found.id ? edge.camera_b : edge.camera_a, colourOf(at)));
  for (const other of found.links.other) if (!partners.has(other)) partners.set(other, "#8a94a0");
  return partners;
}

// A camera's picture with its windows over it.
function view(id, grid, coloured, ticks, has, told) {
  const canvas = el("canvas", { width: grid.columns * 40, height: grid.rows * 40 }), c = canvas.getContext("2d");
  const most = ticks ? Math.max(1, ...ticks) : 1;
  for (let window = 0; window < grid.columns * grid.rows; window++) {
    const x = (window % grid.columns) * 40, y = Math.floor(window / grid.columns) * 40;
    if (ticks ? ticks[window] > 0 : coloured.has(window)) {
      c.globalAlpha = ticks ? 0.12 + 0.68 * Math.sqrt(ticks[window] / most) : 0.5;
      c.fillStyle = ticks ? "#e4572e" : coloured.get(window);
      c.fillRect(x + 1, y + 1, 38, 38);
    }
    c.globalAlpha = 0.25;
    c.strokeStyle = "#fff";
    c.strokeRect(x + 0.5, y + 0.5, 39, 39);
  }
  const box = el("div", { class: "view" }, canvas);
  box.style.aspectRatio = `${grid.columns} / ${grid.rows}`;
  if (has) {
    picture(id).then((url) => {
      const image = el("img", { src: url, alt: `Picture of ${id}`, onload: () => { box.style.aspectRatio = `${image.naturalWidth} / ${image.naturalHeight}`; } });
      box.prepend(image);
    }, () => {});
  }
  return el("figure", {}, box, el("figcaption", {}, has ? told : `There is no picture yet. ${told}`));
}

// Before the first publication there are cameras, but nothing between them.
function fromHealth(cameras) {
  const wide = Math.ceil(Math.sqrt(cameras.length * 1.5));
  const blank = cameras.map(() => -1);
  return {
    cameras: { id: cameras.map((camera) => camera.id), x: cameras.map((_, i) => (i % wide) * 1.6), y: cameras.map((_, i) => Math.floor(i / wide) * 1.6), component: blank, group: blank, failed: cameras.map(() => false) },
    edges: { a: [], b: [], links: [], score: [], kind: [] },
  };
}
