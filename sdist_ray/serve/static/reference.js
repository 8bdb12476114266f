// The interface's own OpenAPI document, as a page.

import { ask } from "./api.js";
import { el } from "./dom.js";
import { card } from "./page.js";

const root = document.getElementById("operations");

function shape(schema) {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(shape).join(" or ");
  if (schema.enum) return schema.enum.join(", ");
  if (schema.type === "array") return `list of ${shape(schema.items)}`;
  const [low, high] = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum ?? schema.exclusiveMaximum];
  return low === undefined || high === undefined ? schema.type : `${schema.type}, ${low} to ${high}`;
}

try {
  const found = await (await ask("openapi.json")).json();
  root.append(card(null, ...found.info.description.trim().split("\n\n").map((text) => el("p", {}, text))));
  for (const [path, methods] of Object.entries(found.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const rows = (operation.parameters ?? []).map((one) => el("tr", {}, el("td", { class: "id" }, one.name), el("td", {}, shape(one.schema)), el("td", { class: "text" }, one.description ?? (one.required ? "needed" : ""))));
      const body = operation.requestBody?.content?.["application/json"]?.schema;
      const answers = Object.entries(operation.responses).filter(([status]) => status < 300);
      const kind = answers.map(([status, answer]) => `${status}: ${shape(Object.values(answer.content ?? {})[0]?.schema)}`).join(", ");
      const block = card(null, el("h2", {}, el("b", {}, method.toUpperCase()), ` ${path}`), el("p", {}, operation.description ?? operation.summary));
      if (rows.length) block.append(el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, rows))));
      if (body) block.append(el("p", {}, `Body: ${shape(body)}`));
      block.append(el("p", {}, `Answers ${kind}`));
      root.append(block);
    }
  }
  for (const [name, schema] of Object.entries(found.components.schemas)) {
    const rows = Object.entries(schema.properties ?? {}).map(([key, value]) => el("tr", {}, el("td", { class: "id" }, key), el("td", {}, shape(value)), el("td", { class: "text" }, value.description ?? "")));
    root.append(card(null, el("h2", {}, name), el("p", {}, schema.description ?? ""), el("div", { class: "scroll" }, el("table", {}, el("tbody", {}, rows)))));
  }
} catch (error) {
  root.append(el("p", { class: "error" }, `The document could not be had: ${error.message}.`));
}
