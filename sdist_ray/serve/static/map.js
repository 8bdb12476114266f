// The camera graph on a canvas: pan, zoom, pick; draws only when something has changed.


const WIDTHS = [0.9, 1.8, 3.2];
const ALPHAS = [0.25, 0.5, 0.85];
const MOST_LABELS = 90;
const EDGES_WHILE_MOVING = 12000;

export class Map2D {
  constructor(canvas, { onpick, onhover }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.onpick = onpick;
    this.onhover = onhover;
    this.graph = null;
    this.selected = -1;
    this.hovered = -1;
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.pointers = new Map();
    this.calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.resize = new ResizeObserver(() => this.#fitCanvas());
    this.resize.observe(canvas);
    this.scheme = matchMedia("(prefers-color-scheme: dark)");
    this.scheme.onchange = () => { this.#colours(); this.redraw(); };
    this.#colours();
    this.#listen();
  }

  close() {
    this.resize.disconnect();
    this.scheme.onchange = null;
    cancelAnimationFrame(this.frame);
  }

  // graph: see /api/v1/topology; shown: Uint8Array of cameras and of edges; style: colour and trouble by camera.
  show(graph, shownCameras, shownEdges, colours, trouble) {
    const first = this.graph === null;
    const changed = this.graph !== graph;
    this.graph = graph;
    this.px = graph.cameras.x;
    this.py = graph.cameras.y;
    this.shown = shownCameras;
    this.colours = colours;
    this.trouble = trouble;
    if (changed) {
      this.neighbours = new Map();
      const { a, b } = graph.edges;
      for (let e = 0; e < a.length; e++) {
        if (!this.neighbours.has(a[e])) this.neighbours.set(a[e], []);
        if (!this.neighbours.has(b[e])) this.neighbours.set(b[e], []);
        this.neighbours.get(a[e]).push([b[e], e]);
        this.neighbours.get(b[e]).push([a[e], e]);
      }
    }
    this.shownEdges = shownEdges;
    this.#buckets();
    if (first) this.fit(false);
    this.redraw();
  }

  select(camera, follow = true) {
    this.selected = camera;
    if (follow && camera >= 0) {
      const rect = this.canvas.getBoundingClientRect();
      const [sx, sy] = this.#toScreen(this.px[camera], this.py[camera]);
      const scale = Math.max(this.scale, Math.min(this.#near(), 46));
      const inside = sx > 40 && sy > 40 && sx < rect.width - 40 && sy < rect.height - 40;
      if (!inside || scale > this.scale * 1.05) this.#glide(scale, this.px[camera], this.py[camera]);
    }
    this.redraw();
  }

  fit(smooth = true) {
    if (!this.graph || !this.px.length) return;
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    let any = false;
    for (let i = 0; i < this.px.length; i++) {
      if (!this.shown[i]) continue;
      any = true;
      x0 = Math.min(x0, this.px[i]); x1 = Math.max(x1, this.px[i]);
      y0 = Math.min(y0, this.py[i]); y1 = Math.max(y1, this.py[i]);
    }
    if (!any) return;
    const rect = this.canvas.getBoundingClientRect();
    const room = Math.min(60, rect.width / 8);
    const scale = Math.min((rect.width - 2 * room) / Math.max(x1 - x0, 1), (rect.height - 2 * room) / Math.max(y1 - y0, 1), 70);
    if (!(scale > 0)) return;
    if (smooth) this.#glide(scale, (x0 + x1) / 2, (y0 + y1) / 2);
    else [this.scale, this.x, this.y] = [scale, (x0 + x1) / 2, (y0 + y1) / 2];
    this.redraw();
  }

  zoom(factor, sx, sy) {
    const rect = this.canvas.getBoundingClientRect();
    sx ??= rect.width / 2;
    sy ??= rect.height / 2;
    const [wx, wy] = this.#toWorld(sx, sy);
    this.scale = Math.min(400, Math.max(0.2, this.scale * factor));
    this.x = wx - (sx - rect.width / 2) / this.scale;
    this.y = wy - (sy - rect.height / 2) / this.scale;
    this.redraw();
  }

  pan(dx, dy) {
    this.x -= dx / this.scale;
    this.y -= dy / this.scale;
    this.redraw();
  }

  redraw() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.#draw(); });
  }

  screenOf(camera) {
    return this.#toScreen(this.px[camera], this.py[camera]);
  }

  #near() { return 46; }

  #glide(scale, x, y) {
    if (this.calm) {
      [this.scale, this.x, this.y] = [scale, x, y];
      return;
    }
    const [s0, x0, y0, began] = [this.scale, this.x, this.y, performance.now()];
    const run = (this.gliding = (this.gliding ?? 0) + 1);
    const step = () => {
      if (run !== this.gliding) return;
      const t = Math.min(1, (performance.now() - began) / 350);
      const ease = t * t * (3 - 2 * t);
      this.scale = s0 * (scale / s0) ** ease;
      this.x = x0 + (x - x0) * ease;
      this.y = y0 + (y - y0) * ease;
      this.redraw();
      if (t < 1) requestAnimationFrame(step);
    };
    step();
  }

  #fitCanvas() {
    const rect = this.canvas.getBoundingClientRect();
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [Math.round(rect.width * ratio), Math.round(rect.height * ratio)];
    if (!width || !height) return;
    const fresh = !this.ratio;
    this.ratio = ratio;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      [this.canvas.width, this.canvas.height] = [width, height];
      if (fresh) this.fit(false);
      // At once: an empty canvas would flicker.
      this.#draw();
    }
  }

  #colours() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    this.ink = { edge: of("--edge"), walk: of("--walk"), text: of("--ink"), halo: of("--halo"), bad: of("--bad"), ground: of("--ground"), accent: of("--accent") };
  }

  // Edges of one look are one path: a thousand strokes cost what one does.
  #buckets() {
    const { a, b, links, score, kind } = this.graph.edges;
    const paths = new Map();
    for (let e = 0; e < a.length; e++) {
      if (!this.shownEdges[e]) continue;
      const wide = links[e] >= 60 ? 2 : links[e] >= 15 ? 1 : 0;
      const sure = score[e] >= 0.92 ? 2 : score[e] >= 0.85 ? 1 : 0;
      const key = (kind[e] * 3 + wide) * 3 + sure;
      if (!paths.has(key)) paths.set(key, new Path2D());
      const path = paths.get(key);
      path.moveTo(this.px[a[e]], this.py[a[e]]);
      path.lineTo(this.px[b[e]], this.py[b[e]]);
    }
    this.paths = [...paths].sort(([one], [other]) => one - other);
  }

  #toScreen(wx, wy) {
    const width = this.canvas.width / this.ratio, height = this.canvas.height / this.ratio;
    return [(wx - this.x) * this.scale + width / 2, (wy - this.y) * this.scale + height / 2];
  }

  #toWorld(sx, sy) {
    const width = this.canvas.width / this.ratio, height = this.canvas.height / this.ratio;
    return [(sx - width / 2) / this.scale + this.x, (sy - height / 2) / this.scale + this.y];
  }

  radius() {
    return Math.max(1.5, Math.min(11, this.scale * 0.24));
  }

  #draw() {
    if (!this.graph || !this.ratio) return;
    const began = performance.now();
    const { context: c, ratio, scale } = this;
    const width = this.canvas.width / ratio, height = this.canvas.height / ratio;
    c.setTransform(1, 0, 0, 1, 0, 0);
    c.clearRect(0, 0, this.canvas.width, this.canvas.height);
    const focus = this.selected >= 0 ? this.selected : this.hovered;
    const near = focus >= 0 ? new Map(this.neighbours.get(focus) ?? []) : null;
    c.setTransform(ratio * scale, 0, 0, ratio * scale, ratio * (width / 2 - this.x * scale), ratio * (height / 2 - this.y * scale));
    const thick = Math.max(0.5, Math.min(1.6, scale / 18));
    for (const [key, path] of this.paths) {
      const walk = key >= 9;
      c.globalAlpha = (walk ? Math.max(0.6, ALPHAS[key % 3]) : ALPHAS[key % 3]) * (this.selected >= 0 ? 0.4 : 1);
      c.strokeStyle = walk ? this.ink.walk : this.ink.edge;
      c.lineWidth = (WIDTHS[Math.floor(key / 3) % 3] * thick) / scale;
      c.setLineDash(walk && this.graph.edges.a.length < EDGES_WHILE_MOVING ? [6 / scale, 4 / scale] : []);
      c.stroke(path);
    }
    if (near) {
      c.globalAlpha = 1;
      c.strokeStyle = this.ink.accent;
      c.setLineDash([]);
      c.lineWidth = (2.4 * thick) / scale;
      c.beginPath();
      for (const [other, edge] of near) {
        if (!this.shownEdges[edge]) continue;
        c.moveTo(this.px[focus], this.py[focus]);
        c.lineTo(this.px[other], this.py[other]);
      }
      c.stroke();
    }
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    this.#nodes(c, width, height, near);
    this.drawn = performance.now() - began;
  }

  #nodes(c, width, height, near) {
    const radius = this.radius(), groups = new Map(), visible = [], wrong = [];
    for (let i = 0; i < this.px.length; i++) {
      if (!this.shown[i]) continue;
      const [x, y] = this.#toScreen(this.px[i], this.py[i]);
      if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
      visible.push(i);
      if (this.trouble[i]) wrong.push([x, y]);
      const faded = this.selected >= 0 && i !== this.selected && !near.has(i);
      const key = (faded ? "f" : "n") + this.colours[i];
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(x, y);
    }
    for (const [key, places] of groups) {
      c.globalAlpha = key[0] === "f" ? 0.35 : 1;
      c.fillStyle = key.slice(1);
      c.beginPath();
      for (let i = 0; i < places.length; i += 2) {
        if (radius < 2.4) c.rect(places[i] - radius, places[i + 1] - radius, 2 * radius, 2 * radius);
        else {
          c.moveTo(places[i] + radius, places[i + 1]);
          c.arc(places[i], places[i + 1], radius, 0, 7);
        }
      }
      c.fill();
    }
    c.globalAlpha = 1;
    if (wrong.length) {
      c.strokeStyle = this.ink.bad;
      c.lineWidth = radius < 4 ? 1.4 : 2;
      const ring = radius + Math.min(3, radius);
      c.beginPath();
      for (const [x, y] of wrong) { c.moveTo(x + ring, y); c.arc(x, y, ring, 0, 7); }
      c.stroke();
    }
    for (const camera of new Set([this.hovered, this.selected])) {
      if (camera < 0) continue;
      const [x, y] = this.#toScreen(this.px[camera], this.py[camera]);
      c.strokeStyle = this.ink.text;
      c.lineWidth = 2;
      c.beginPath();
      c.arc(x, y, radius + 3.5, 0, 7);
      c.stroke();
    }
    const rank = (i) => (i === this.selected || i === this.hovered ? 3 : near?.has(i) ? 2 : this.trouble[i]);
    c.font = "12px system-ui, sans-serif";
    c.textAlign = "center";
    c.lineJoin = "round";
    const named = visible.length <= MOST_LABELS ? visible : visible.filter((i) => i === this.selected || (this.selected >= 0 && near.has(i) && near.size < 30));
    // Those that matter come first; a name that would lie on another one is left out.
    named.sort((one, other) => rank(other) - rank(one));
    const taken = [];
    for (const i of named) {
      const [x, y] = this.#toScreen(this.px[i], this.py[i]);
      const text = short(this.graph.cameras.id[i]), half = c.measureText(text).width / 2 + 2;
      if (taken.some(([tx, ty, wide]) => Math.abs(ty - y) < 14 && Math.abs(tx - x) < wide + half)) continue;
      taken.push([x, y, half]);
      c.strokeStyle = this.ink.halo;
      c.lineWidth = 4;
      c.strokeText(text, x, y + radius + 14);
      c.fillStyle = this.ink.text;
      c.fillText(text, x, y + radius + 14);
    }
  }

  at(sx, sy, reach) {
    if (!this.graph) return -1;
    const [wx, wy] = this.#toWorld(sx, sy);
    let best = -1, least = ((this.radius() + reach) / this.scale) ** 2;
    for (let i = 0; i < this.px.length; i++) {
      if (!this.shown[i]) continue;
      const gap = (this.px[i] - wx) ** 2 + (this.py[i] - wy) ** 2;
      if (gap < least) [best, least] = [i, gap];
    }
    return best;
  }

  #listen() {
    const { canvas, pointers } = this;
    const place = (event) => {
      const rect = canvas.getBoundingClientRect();
      return [event.clientX - rect.left, event.clientY - rect.top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, place(event));
      this.gliding = (this.gliding ?? 0) + 1;
      this.moved = pointers.size > 1 ? Infinity : 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = place(event), before = pointers.get(event.pointerId);
      if (!before) {
        this.#hover(this.at(...now, 5), now);
        return;
      }
      const others = [...pointers].filter(([id]) => id !== event.pointerId);
      if (others.length) {
        const [ox, oy] = others[0][1];
        const far = Math.hypot(now[0] - ox, now[1] - oy) / Math.max(1, Math.hypot(before[0] - ox, before[1] - oy));
        this.pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
        this.zoom(far, (now[0] + ox) / 2, (now[1] + oy) / 2);
      } else {
        this.pan(now[0] - before[0], now[1] - before[1]);
        this.moved += Math.hypot(now[0] - before[0], now[1] - before[1]);
      }
      pointers.set(event.pointerId, now);
    });
    const up = (event) => {
      const had = pointers.delete(event.pointerId);
      if (had && event.type === "pointerup" && this.moved < 6) {
        this.onpick(this.at(...place(event), event.pointerType === "touch" ? 16 : 6));
      }
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    canvas.addEventListener("pointerleave", () => this.#hover(-1));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-Math.max(-200, Math.min(200, event.deltaY)) / 350), ...place(event));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const step = 60;
      const keys = {
        ArrowLeft: () => this.pan(step, 0), ArrowRight: () => this.pan(-step, 0), ArrowUp: () => this.pan(0, step), ArrowDown: () => this.pan(0, -step),
        "+": () => this.zoom(1.3), "=": () => this.zoom(1.3), "-": () => this.zoom(1 / 1.3), 0: () => this.fit(), f: () => this.fit(),
        Enter: () => this.#pickMiddle(), Escape: () => this.onpick(-1),
      };
      if (keys[event.key]) {
        event.preventDefault();
        keys[event.key]();
      }
    });
  }

  #pickMiddle() {
    const rect = this.canvas.getBoundingClientRect();
    this.onpick(this.at(rect.width / 2, rect.height / 2, 200));
  }

  #hover(camera, place) {
    if (camera === this.hovered) return;
    this.hovered = camera;
    this.canvas.style.cursor = camera >= 0 ? "pointer" : "";
    this.onhover(camera, place);
    this.redraw();
  }
}

export function short(text, most = 22) {
  return text.length <= most ? text : `${text.slice(0, most / 2)}…${text.slice(-most / 2 + 1)}`;
}

