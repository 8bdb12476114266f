// Elements, numbers and times as text. Nothing here takes HTML: what comes from a run is only ever text.

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "disabled") node[name] = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
export const NONE = "–";

export function count(value) {
  return value === null || value === undefined ? NONE : whole.format(value);
}

export function number(value, digits = 1, unit = "") {
  return value === null || value === undefined ? NONE : value.toFixed(digits) + unit;
}

export function percent(value, digits = 1) {
  return value === null || value === undefined ? NONE : `${(100 * value).toFixed(digits)} %`;
}

export function bytes(value) {
  if (!value) return NONE;
  return value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GB` : `${whole.format(value / 2 ** 20)} MB`;
}

export function ago(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds < 90) return `${Math.max(0, seconds).toFixed(seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

// A time of day where it is one; minutes and seconds where it is only a place in a recording.
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (Math.abs(seconds) > 1e8) return new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });
  const s = Math.max(0, Math.round(seconds));
  const part = (value) => String(value).padStart(2, "0");
  return s >= 3600 ? `${Math.floor(s / 3600)}:${part(Math.floor(s / 60) % 60)}:${part(s % 60)}` : `${Math.floor(s / 60)}:${part(s % 60)}`;
}

export function day(seconds) {
  return Math.abs(seconds) > 1e8 ? new Date(seconds * 1000).toLocaleString([], { hour12: false }) : clock(seconds);
}

export function pill(state) {
  return el("span", { class: "pill", "data-state": state }, el("i"), el("span", {}, state));
}

// A table that is changed in place: focus, selection and scrolling stay where they are.
export class Table {
  constructor(columns, label) {
    this.columns = columns;
    this.body = el("tbody");
    const head = columns.map((column) => el("th", { scope: "col", class: column.class ?? "" }, column.name));
    this.node = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
      el("table", {}, el("thead", {}, el("tr", {}, head)), this.body));
    this.rows = new Map();
  }

  update(items, key) {
    const kept = new Map();
    let before = null;
    for (const item of items) {
      const name = key(item);
      let row = this.rows.get(name);
      if (!row) {
        row = el("tr", {}, this.columns.map((column) => el("td", { class: column.class ?? "" })));
      }
      this.columns.forEach((column, number) => {
        const cell = row.children[number];
        const value = column.of(item);
        if (value instanceof Node) {
          const sign = column.sign ? column.sign(item) : value.textContent;
          if (cell.dataset.sign !== sign) {
            cell.dataset.sign = sign;
            cell.replaceChildren(value);
          }
        } else setText(cell, value);
      });
      kept.set(name, row);
      const next = before ? before.nextSibling : this.body.firstChild;
      if (next !== row) this.body.insertBefore(row, next);
      before = row;
    }
    for (const [name, row] of this.rows) if (kept.get(name) !== row) row.remove();
    this.rows = kept;
  }
}

export const PALETTE = ["#2f6fde", "#e4572e", "#17a398", "#b5449a", "#e0a100", "#6a4fd0", "#3a9d3f", "#d7265e", "#0f9bd7", "#a0622d", "#7d9b16", "#5d6b7a"];

export function colourOf(numbered) {
  if (numbered < 0) return "#8a94a0";
  if (numbered < PALETTE.length) return PALETTE[numbered];
  const hue = ((0.09 + 0.618034 * numbered) % 1) * 360;
  return `hsl(${hue.toFixed(0)} 58% ${42 + 12 * (numbered % 2)}%)`;
}

export const TROUBLE = ["dark", "frozen", "covered", "waiting", "failed"];
export const STATE_COLOURS = {
  live: "#3a9d3f", starting: "#e0a100", connecting: "#e0a100", waiting: "#d7265e", dark: "#d7265e", covered: "#d7265e",
  frozen: "#d7265e", failed: "#d7265e", paused: "#5d6b7a", ended: "#8a94a0", ok: "#3a9d3f",
};
