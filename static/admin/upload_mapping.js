"use strict";

// Columns are mapped by mouse; each change is tried on the first rows by the server.
const page = document.getElementById("mapping");
const known = JSON.parse(document.getElementById("mapping-page").textContent);
const form = document.getElementById("mapping-form");
const PAUSE = 250;
const DOTTED = ["attributes.", "personalization."];
const OPTIONS = { number: "decimal", date: "order", list: "separator" };
let mapping = { ...known.mapping };
let turn = 0;
let timer = null;

const part = (name) => page.querySelector(`[data-part="${name}"]`);

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function select(choices, chosen, label) {
  const made = element("select", "v-input");
  made.setAttribute("aria-label", label);
  for (const [value, words] of choices) {
    const option = element("option", "", words);
    option.value = value;
    made.append(option);
  }
  if (!choices.some(([value]) => value === chosen)) {
    const option = element("option", "", chosen);
    option.value = chosen;
    made.append(option);
  }
  made.value = chosen;
  return made;
}

const dotted = (field) => DOTTED.find((start) => field.startsWith(start) && field !== start.slice(0, -1));

function typeOf(target) {
  if (typeof target === "string" || !target.type) return "";
  const option = target[OPTIONS[target.type]];
  return option ? `${target.type} ${option}` : target.type;
}

function targetOf(field, type) {
  const [name, option] = type.split(" ");
  if (!name || !dotted(field)) return field;
  return option ? { field, type: name, [OPTIONS[name]]: option } : { field, type: name };
}

function columnRow(column) {
  const target = mapping[column.name] ?? column.suggested ?? "";
  const field = typeof target === "string" ? target : target.field;
  const start = dotted(field);
  const row = element("tr");
  const becomes = select(known.fields, start ?? field, `${column.name} becomes`);
  const name = element("input", "v-input");
  name.setAttribute("aria-label", `Name for ${column.name}`);
  name.value = start ? field.slice(start.length) : column.name;
  name.maxLength = 100;
  const type = select(known.types, typeOf(target), `${column.name} is read as`);
  const change = () => {
    name.hidden = !DOTTED.includes(becomes.value);
    type.hidden = name.hidden;
    const whole = name.hidden ? becomes.value : becomes.value + name.value.trim();
    mapping[column.name] = targetOf(whole, name.hidden ? "" : type.value);
    if (part("text")) part("text").value = JSON.stringify(mapping, null, 2);
  };
  for (const field of [becomes, name, type]) {
    field.addEventListener("input", () => {
      change();
      later();
    });
  }
  const first = element("th", "", column.name);
  first.scope = "row";
  if (column.type_in_file) first.append(element("span", "v-quiet v-mapping-kind", column.type_in_file));
  const samples = element("td", "v-mapping-samples", column.samples.join(" · ") || "empty");
  const pair = element("td");
  const both = element("div", "v-pair");
  both.append(becomes, name);
  pair.append(both);
  const last = element("td");
  last.append(type);
  row.append(first, samples, pair, last);
  change();
  return row;
}

function drawColumns(columns) {
  if (!part("columns")) return;
  const body = part("columns").tBodies[0];
  body.replaceChildren(...columns.map(columnRow));
}

function cells(row) {
  const found = { ...row };
  for (const name of ["attributes", "personalization"]) {
    if (!found[name] || typeof found[name] !== "object") continue;
    for (const [key, value] of Object.entries(found[name])) found[`${name}.${key}`] = value;
    delete found[name];
  }
  for (const address of Array.isArray(found.addresses) ? found.addresses : []) {
    if (address && typeof address === "object") found[[address.type, address.app_id].filter(Boolean).join(":")] = address.value;
  }
  delete found.addresses;
  return found;
}

function drawRows(rows) {
  const flat = rows.map((one) => ({ ...one, cells: one.row && typeof one.row === "object" ? cells(one.row) : {} }));
  const names = [...new Set(flat.flatMap((one) => Object.keys(one.cells)))];
  const head = element("tr");
  for (const name of ["Line", ...names.map((one) => one.replace(/^attributes\./, "")), ""]) head.append(element("th", "", name));
  part("rows").tHead.replaceChildren(head);
  part("rows").tBodies[0].replaceChildren(
    ...flat.map((one) => {
      const row = element("tr", one.problem ? "v-preview-bad" : "");
      row.append(element("td", "v-number", String(one.line)));
      for (const name of names) {
        const value = one.cells[name];
        row.append(element("td", "", value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value)));
      }
      row.append(element("td", "v-bad", one.problem ? `Refused: ${one.problem.message}` : ""));
      return row;
    }),
  );
}

function drawErrors(errors) {
  part("errors").replaceChildren(...errors.map((text) => element("p", "", text)));
  part("start").disabled = errors.length > 0;
}

function later() {
  clearTimeout(timer);
  timer = setTimeout(attempt, PAUSE);
}

async function attempt(withColumns) {
  const mine = ++turn;
  const encoding = part("encoding") ? part("encoding").value : known.encoding;
  try {
    const response = await fetch(page.dataset.previewUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value },
      body: JSON.stringify({ mapping, encoding }),
    });
    if (!response.ok || mine !== turn) return;
    const found = await response.json();
    drawErrors(found.errors);
    if (found.rows) drawRows(found.rows);
    if (found.columns && withColumns === true) {
      drawColumns(found.columns);
      later();
    }
  } catch {
    // The next change asks again; starting is judged by the server anyway.
  }
}

if (part("encoding")) {
  part("encoding").addEventListener("input", () => {
    if (part("columns")) mapping = {};
    attempt(true);
  });
}
if (part("text")) {
  part("text").addEventListener("change", () => {
    try {
      mapping = JSON.parse(part("text").value);
    } catch {
      drawErrors(["The mapping is no JSON."]);
      return;
    }
    attempt(true);
  });
}
part("remembered").hidden = !known.remembered;
drawColumns(known.columns);
drawRows(known.rows);
drawErrors(known.errors);
