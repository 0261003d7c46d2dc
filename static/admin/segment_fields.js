// The controls of one condition, and the condition that they say. Words and operators come from the server.

export const builder = JSON.parse(document.getElementById("segment-builder").textContent);
export const words = { attributes: [], events: [], lists: [], campaigns: [], tags: [], apps: [] };

const LABELS = {
  attribute: "Attribute", event: "Event", list: "List", campaign: "Past campaign", locale: "Language", timezone: "Time zone", channel: "Reachable by",
  any: "anything", text: "text", number: "number", boolean: "true or false", date: "date",
  equals: "is", not_equals: "is not", in: "is one of", not_in: "is none of", contains: "contains", not_contains: "does not contain",
  starts_with: "starts with", ends_with: "ends with", exists: "is known", not_exists: "is not known", greater: "is greater than", at_least: "is at least",
  less: "is less than", at_most: "is at most", between: "is between", on: "is on", before: "is before", after: "is after", in_last: "is in the last … days",
  in_next: "is in the next … days", more_than_ago: "is more than … days ago", anniversary_today: "has its anniversary today (birthday)",
  anniversary_in_next: "has its anniversary in the next … days", has: "has", has_not: "does not have", has_any: "has any of", has_all: "has all of",
  has_none: "has none of", did: "happened", did_not: "did not happen", received: "was received", not_received: "was not received",
  reachable: "can be reached by", not_reachable: "can't be reached by",
};
const BLANK = { text: "", texts: [], numbers: [], scalar: "", scalars: [], flag: true, days: 30, day: "", day_range: "" };
const MEMBERSHIP = { in: "is in", not_in: "is not in" };
const COUNT_LABELS = { at_least: "at least", at_most: "at most", exactly: "exactly" };
const OPERAND_FIELDS = {
  text: ["value"], number: ["value"], flag: ["value"], day: ["value"], scalar: ["value"], texts: ["values"], numbers: ["values"], scalars: ["values"],
  number_range: ["from", "to"], day_range: ["from", "to"], days: ["days"], nothing: [],
};

export function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

export function button(text, act, label) {
  const made = element("button", "v-button v-button-small", text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}

// What a node of a kind begins as.
export function fresh(kind) {
  switch (kind) {
    case "attribute": return { type: kind, name: "", value_type: "text", operator: "equals", value: "" };
    case "event": return { type: kind, operator: "did", name: "" };
    case "list": return { type: kind, operator: "in", list_ids: [] };
    case "campaign": return { type: kind, operator: "received", campaign_ids: [] };
    case "channel": return { type: kind, operator: "reachable", channel: "email" };
    default: return { type: kind, operator: "in", values: [] };
  }
}

export function conditionKinds() {
  return ["attribute", ...Object.keys(builder.kinds)].map((kind) => [kind, LABELS[kind]]);
}

function select(name, label, options, value, change) {
  const made = element("select", "v-input");
  made.dataset.name = name;
  made.setAttribute("aria-label", label);
  for (const [word, text] of options) made.append(new Option(text, word, false, String(word) === String(value)));
  made.addEventListener("change", () => change(made.value));
  return made;
}

function input(name, label, value, change, more = {}) {
  const made = element("input", "v-input");
  Object.assign(made, { type: "text", value: value ?? "" });
  for (const [key, given] of Object.entries(more)) made.setAttribute(key, given);
  made.dataset.name = name;
  made.setAttribute("aria-label", label);
  made.addEventListener("input", () => change(made.value));
  return made;
}

function lines(label, values, change) {
  const made = element("textarea", "v-input");
  made.dataset.name = "values";
  made.rows = Math.min(Math.max(values.length, 2), 6);
  made.value = values.map((one) => (isReference(one) ? JSON.stringify(one) : one)).join("\n");
  made.placeholder = "One a line";
  made.setAttribute("aria-label", label);
  made.addEventListener("input", () => change(made.value.split("\n").map((line) => line.trim()).filter((line) => line !== "").map(referred)));
  return made;
}

// Several of what the workspace has; what a rule names already is offered whatever its age.
function several(name, label, options, chosen, change) {
  const made = element("select", "v-input v-several");
  made.multiple = true;
  made.dataset.name = name;
  made.setAttribute("aria-label", label);
  const known = new Set(options.map(([value]) => String(value)));
  const missing = chosen.filter((value) => !known.has(String(value))).map((value) => [value, String(value)]);
  const wanted = new Set(chosen.map(String));
  for (const [value, text] of [...missing, ...options]) made.append(new Option(text, value, false, wanted.has(String(value))));
  made.size = Math.min(Math.max(made.length, 2), 5);
  made.addEventListener("change", () => change([...made.selectedOptions].map((option) => option.value)));
  return made;
}

// A property of the business event in the place of a value.
const isReference = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

function referred(line) {
  if (!/^\{\s*"event"/.test(line)) return line;
  try { return JSON.parse(line); } catch { return line; }
}

const number = (text) => (text.trim() === "" ? null : Number(text));
// A list's item that was a number stays one, as long as it looks like one.
const scalar = (text, before) => (isReference(text) ? text : typeof before === "number" && text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text);

// Where the value is taken from, and the fields that say it. `event`: whose properties may stand there; empty for none.
function operands(node, kind, changed, redraw, event) {
  const names = OPERAND_FIELDS[kind];
  if (!event || !names.length) return operandFields(node, kind, changed);
  const refers = names.some((name) => isReference(node[name]));
  const source = select("source", "Source of the value", [["given", "the value"], ["event", "the event's"]], refers ? "event" : "given", (word) => {
    for (const name of names) node[name] = word === "event" ? { event: "" } : BLANK[kind] ?? null;
    redraw();
  });
  if (!refers) return [source, ...operandFields(node, kind, changed)];
  const label = (name) => ({ from: "From the event's property", to: "To the event's property" })[name] ?? `Property of ${event}`;
  return [source, ...names.map((name) => (isReference(node[name])
    ? input(name, label(name), node[name].event, (text) => { node[name] = { event: text.trim() }; changed(); }, { placeholder: "sku" })
    : operandFields(node, kind, changed)[names.indexOf(name)]))];
}

function operandFields(node, kind, changed) {
  const set = (name) => (value) => { node[name] = value; changed(); };
  switch (kind) {
    case "text": return [input("value", "Value", node.value, set("value"))];
    case "scalar": return [input("value", "Value", node.value, (text) => set("value")(scalar(text, node.value)))];
    case "texts": return [lines("Values", node.values, set("values"))];
    case "scalars": { const before = node.values[0]; return [lines("Values", node.values, (found) => set("values")(found.map((one) => scalar(one, before))))]; }
    case "numbers": return [lines("Values", node.values, (found) => set("values")(found.map((one) => (isReference(one) ? one : number(one)))))];
    case "number": return [input("value", "Value", node.value, (text) => set("value")(number(text)), { type: "number", step: "any" })];
    case "flag": return [select("value", "Value", [["true", "true"], ["false", "false"]], node.value, (word) => set("value")(word === "true"))];
    case "day": return [input("value", "Day", node.value, set("value"), { type: "date" })];
    case "days": return [input("days", "Days", node.days, (text) => set("days")(number(text)), { type: "number", min: 0 })];
    case "number_range": return ["from", "to"].map((name) => input(name, name === "from" ? "From" : "To", node[name], (text) => set(name)(number(text)), { type: "number", step: "any" }));
    case "day_range": return ["from", "to"].map((name) => input(name, name === "from" ? "From" : "To", node[name], set(name), { type: "date" }));
    default: return [];
  }
}

// Keeps what the new operator can use of what was typed for the old one.
function fitOperand(node) {
  const kind = builder.operators[node.value_type][node.operator];
  const before = { value: node.value, values: node.values, from: node.from, to: node.to, days: node.days };
  for (const name of ["value", "values", "from", "to", "days"]) delete node[name];
  const reference = [before.value, before.values, before.from, before.days].find(isReference);
  if (reference) { for (const name of OPERAND_FIELDS[kind]) node[name] = { ...reference }; return; }
  const one = before.value ?? before.values?.find((value) => !isReference(value)) ?? "";
  for (const name of OPERAND_FIELDS[kind]) {
    if (name === "values") node.values = before.values ?? (one === "" ? [] : [one]);
    else if (kind === "flag") node.value = true;
    else if (kind === "text") node.value = String(one);
    else if (kind === "days") node.days = before.days ?? 30;
    else node[name] = before[name] ?? null;
  }
}

export function comparison(node, changed, redraw, { name, list, event = builder.refers ? "the business event" : "" }) {
  const again = (key) => (word) => {
    node[key] = word;
    if (key === "value_type") node.operator = Object.keys(builder.operators[word])[0];
    fitOperand(node);
    redraw();
  };
  const named = input("name", name, node.name, (text) => { node.name = text; changed(); }, { list, placeholder: name.toLowerCase() });
  named.addEventListener("change", () => {
    const known = list === "segment-attributes" && words.attributes.find(([one]) => one === node.name);
    if (known && known[1] !== node.value_type && builder.operators[known[1]] && !node.value && !node.values?.length) again("value_type")(known[1]);
  });
  const operators = Object.keys(builder.operators[node.value_type]).map((word) => [word, LABELS[word]]);
  return [
    named,
    select("value_type", "Type of value", Object.keys(builder.operators).map((word) => [word, word === "list" ? "list" : LABELS[word]]), node.value_type, again("value_type")),
    select("operator", "Comparison", operators, node.operator, again("operator")),
    ...operands(node, builder.operators[node.value_type][node.operator], changed, redraw, event),
  ];
}

function within(node, changed, redraw) {
  const chosen = !node.within ? "any" : "last" in node.within ? "last" : "span";
  const modes = [["any", "at any time"], ["last", "in the last"], ["span", "from … to"]];
  const fields = [select("within", "When", modes, chosen, (word) => {
    if (word === "any") delete node.within;
    else node.within = word === "last" ? { last: 30, unit: "days" } : { from: "", to: "" };
    redraw();
  })];
  if (chosen === "last") {
    fields.push(input("last", "How many", node.within.last, (text) => { node.within.last = number(text); changed(); }, { type: "number", min: 1 }));
    fields.push(select("unit", "Unit", builder.units.map((unit) => [unit, unit]), node.within.unit, (word) => { node.within.unit = word; changed(); }));
  }
  if (chosen === "span") for (const name of ["from", "to"]) {
    const shown = (node.within[name] || "").slice(0, 16);
    fields.push(input(name, name === "from" ? "From (UTC)" : "To (UTC)", shown, (text) => {
      if (text) node.within[name] = `${text}:00Z`; else delete node.within[name];
      changed();
    }, { type: "datetime-local" }));
  }
  return fields;
}

function count(node, changed, redraw) {
  const modes = [["", "once or more"], ...builder.counts.map((word) => [word, COUNT_LABELS[word]])];
  const fields = [select("count", "How often", modes, node.count?.operator ?? "", (word) => {
    if (word) node.count = { operator: word, value: node.count?.value ?? 2 }; else delete node.count;
    redraw();
  })];
  if (node.count) fields.push(input("times", "Times", node.count.value, (text) => { node.count.value = number(text); changed(); }, { type: "number", min: 0 }), element("span", "v-quiet", "times"));
  return fields;
}

export function fields(node, changed, redraw) {
  const operator = (labels = LABELS) => select("operator", "Condition", builder.kinds[node.type].map((word) => [word, labels[word] ?? LABELS[word]]), node.operator, (word) => {
    node.operator = word;
    if (["exists", "not_exists"].includes(word)) delete node.values;
    else if (["locale", "timezone"].includes(node.type)) node.values ??= [];
    redraw();
  });
  const ids = (name) => (chosen) => { if (chosen.length) node[name] = chosen.map(Number); else delete node[name]; changed(); };
  switch (node.type) {
    case "attribute": return comparison(node, changed, redraw, { name: "Attribute", list: "segment-attributes" });
    case "event": return [
      input("name", "Event", node.name, (text) => { node.name = text; changed(); }, { list: "segment-events", placeholder: "event" }),
      operator(), ...count(node, changed, redraw), ...within(node, changed, redraw),
    ];
    case "list": return [operator(MEMBERSHIP), several("list_ids", "Lists", words.lists, node.list_ids, (chosen) => { node.list_ids = chosen.map(Number); changed(); })];
    case "campaign": return [
      operator(), several("campaign_ids", "Campaigns", words.campaigns, node.campaign_ids ?? [], ids("campaign_ids")), element("span", "v-quiet", "or any with the tag"),
      several("tags", "Tags", words.tags.map((tag) => [tag, tag]), node.tags ?? [], (chosen) => { if (chosen.length) node.tags = chosen; else delete node.tags; changed(); }),
      ...within(node, changed, redraw),
    ];
    case "channel": return [
      operator(), select("channel", "Channel", builder.channels, node.channel, (word) => { node.channel = word; delete node.app_ids; redraw(); }),
      ...(builder.app_channels.includes(node.channel)
        ? [element("span", "v-quiet", "in any app, or in"), several("app_ids", "Apps", words.apps.map((app) => [app, app]), node.app_ids ?? [], (chosen) => { if (chosen.length) node.app_ids = chosen; else delete node.app_ids; changed(); })]
        : []),
    ];
    default: return [operator(), ...(node.values ? [lines(node.type === "locale" ? "Languages, like pt or pt-BR" : "Time zones, like Europe/Berlin", node.values, (found) => { node.values = found; changed(); })] : [])];
  }
}
