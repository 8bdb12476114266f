// The partitions view: who is counted together, and how that came about.

import { bars, lines } from "./charts.js";
import { Table, clock, count, day, el, percent } from "./dom.js";
import { card, empty } from "./page.js";

export class PartitionsView {
  needs = ["partitions"];

  constructor(app) {
    this.app = app;
  }

  open(root) {
    this.root = root;
    this.update();
  }

  update() {
    const found = this.app.data.partitions;
    if (!found) {
      this.root.replaceChildren(empty("No topology yet", "Partitions are told of with the first topology."));
      return;
    }
    const tile = (name, value, remark = "") => el("section", { class: "card tile" }, el("span", {}, name), el("b", {}, value), el("small", {}, remark));
    const tiles = el("div", { class: "tiles" },
      tile("Strategy", found.kind), tile("Groups", count(found.groups), `largest ${count(found.largest)} cameras`),
      tile("Cameras in groups", count(found.grouped_cameras), `of ${count(found.cameras)}`),
      tile("Pairs of cameras counted", percent(found.pairs_share, 2), "of all"), tile("Edges found", count(found.edges)));
    const page = el("div", { class: "page" }, tiles);
    if (found.kind === "none") {
      page.append(card("One partition", el("p", {}, "All cameras are compared with each other. Larger networks are counted in groups: partition=screening and others find them while the network runs.")));
    } else {
      const known = found.plans.filter((plan) => plan.pairs_share !== null);
      if (known.length > 1) {
        // Steps: a plan holds until the next one.
        const now = this.app.status?.published_s ?? null, begins = known.map((plan, at) => plan.from_s ?? 2 * (known[1].from_s ?? 1) - (known[2]?.from_s ?? (known[1].from_s ?? 1) + 600));
        const times = [], share = [], groups = [];
        known.forEach((plan, at) => {
          const until = at + 1 < known.length ? begins[at + 1] : Math.max(now ?? 0, begins[at] + 1);
          times.push(begins[at], until);
          share.push(100 * plan.pairs_share, 100 * plan.pairs_share);
          groups.push(plan.groups, plan.groups);
        });
        page.append(el("div", { class: "tiles charts" },
          card("Coverage over time", lines({ label: "Share of all pairs of cameras that is counted", times, unit: " %", format: clock, series: [{ name: "pairs counted", values: share }] })),
          card("Groups over time", lines({ label: "Groups", times, format: clock, series: [{ name: "groups", values: groups }] }))));
      }
      if (found.sizes.length > 1) page.append(card("Cameras of each group", bars({ label: `Cameras of ${found.sizes.length} groups, the largest first`, values: found.sizes })));
      const table = new Table([
        { name: "From", of: (plan) => (plan.from_s === null ? "the beginning" : day(plan.from_s)), class: "id" },
        { name: "Groups", of: (plan) => count(plan.groups), class: "n" }, { name: "Largest", of: (plan) => count(plan.largest), class: "n" },
        { name: "Pairs counted", of: (plan) => percent(plan.pairs_share, 2), class: "n" },
      ], "Plans");
      table.update(found.plans.slice(-200).reverse().map((plan, at) => ({ ...plan, at })), (plan) => plan.at);
      if (found.plans.length) page.append(card("Plans, the newest first", table.node));
    }
    this.root.replaceChildren(page);
  }
}
