// Lines and bars as SVG, readable by those who do not see them.

import { el, svg } from "./dom.js";

const WIDE = 560;

function ticks(low, high) {
  const span = high - low || 1, raw = span / 3, size = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * size).find((n) => n >= raw);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-6; at += step) found.push(at);
  return found;
}

function tidy(value) {
  const size = Math.abs(value);
  return size >= 1000 ? value.toLocaleString("en", { maximumFractionDigits: 0 }) : String(Number(value.toPrecision(3)));
}

// series: [{ name, values }], values and times of one length; null where nothing is known.
export function lines({ label, times, series, format = (t) => String(t), height = 150, width = WIDE, zero = true, unit = "" }) {
  const known = series.flatMap((one) => one.values).filter((value) => value !== null && value !== undefined);
  if (times.length < 2 || !known.length) return el("p", { class: "problem-free" }, "Not enough yet for a chart.");
  const low = zero ? Math.min(0, ...known) : Math.min(...known);
  const high = Math.max(...known, low + 1e-9) * (zero ? 1.05 : 1);
  const left = 44, bottom = 20, top = 6;
  const x = (t) => left + ((t - times[0]) / (times[times.length - 1] - times[0] || 1)) * (width - left - 4);
  const y = (v) => height - bottom - ((v - low) / (high - low || 1)) * (height - bottom - top);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": summary(label, series, unit) });
  for (const tick of ticks(low, high)) {
    picture.append(svg("line", { x1: left, x2: width, y1: y(tick), y2: y(tick), class: "grid" }));
    picture.append(svg("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, tidy(tick) + unit));
  }
  for (const [number, at] of [times[0], times[times.length - 1]].entries()) {
    picture.append(svg("text", { x: number ? width : left, y: height - 4, "text-anchor": number ? "end" : "start" }, format(at)));
  }
  series.forEach((one, number) => {
    let path = "", gap = true;
    one.values.forEach((value, index) => {
      if (value === null || value === undefined) gap = true;
      else {
        path += `${gap ? "M" : "L"}${x(times[index]).toFixed(1)} ${y(value).toFixed(1)}`;
        gap = false;
      }
    });
    picture.append(svg("path", { d: path, class: `s${number}` }));
  });
  return el("div", {}, picture, series.length > 1 ? keys(series.map((one, number) => [one.name, `s${number}`])) : null);
}

function summary(label, series, unit) {
  const last = series.map((one) => {
    const value = one.values.findLast((found) => found !== null && found !== undefined);
    return value === undefined ? `${one.name}: nothing` : `${one.name}: ${tidy(value)}${unit} now`;
  });
  return `${label}. ${last.join(", ")}`;
}

export function keys(named) {
  return el("ul", { class: "keys" }, named.map(([name, look]) => el("li", {}, el("i", { class: look }), name)));
}

export function bars({ label, values, height = 130, width = 2 * WIDE }) {
  const most = Math.max(1, ...values), wide = width / Math.max(values.length, 12);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  values.forEach((value, index) => {
    const tall = (value / most) * (height - 18);
    picture.append(svg("rect", { x: index * wide, y: height - tall, width: Math.max(0.6, wide - Math.min(2, wide / 4)), height: tall, class: "b0" }));
  });
  picture.append(svg("text", { x: 0, y: 11 }, `largest ${tidy(most)}`));
  return picture;
}
