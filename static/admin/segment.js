// Builds a segment's rule out of groups and conditions, writes it as JSON into the form, and shows who fits it.

import { askForEvent, exampleEvent } from "./segment_event.js";
import { builder, button, comparison, conditionKinds, element, fields, fresh, words } from "./segment_fields.js";

const page = document.getElementById("segment-page");
const form = page.closest("form");
const place = page.querySelector("[data-rule]");
const text = form.elements.namedItem("rule");
const whole = new Intl.NumberFormat("en");
const MODES = [["and", "all of these"], ["or", "any of these"], ["not and", "not all of these"], ["not or", "none of these"]];
const FILTER = { name: "", value_type: "text", operator: "equals", value: "" };
let root = null;
let asking = false;
let again = false;
let timer = null;
let touched = false;

// A rule as the API has it becomes groups, which may be negated, and conditions; and back, the same as it was: a group
// that only holds what stood alone is `bare`, and left out again.

function opened(rule) {
  if (rule.type === "and" || rule.type === "or") return { group: rule.type, negated: false, children: (rule.conditions ?? []).map(opened) };
  if (rule.type !== "not") return { leaf: structuredClone(rule) };
  const inner = opened(rule.condition ?? {});
  return inner.group && !inner.negated && !inner.bare ? { ...inner, negated: true } : { group: "or", negated: true, bare: true, children: [inner] };
}

function closed(node, path) {
  node.path = path;
  if (node.leaf) return node.leaf;
  const inside = node.negated ? `${path}.condition` : path;
  const rule = node.bare && node.children.length === 1
    ? closed(node.children[0], inside)
    : { type: node.group, conditions: node.children.map((child, i) => closed(child, `${inside}.conditions[${i}]`)) };
  return node.negated ? { type: "not", condition: rule } : rule;
}

function openRoot(rule) {
  const node = rule && typeof rule === "object" ? opened(rule) : null;
  if (!node) return { group: "and", negated: false, children: [{ leaf: fresh("attribute") }] };
  return node.group ? node : { group: "and", negated: false, bare: true, children: [node] };
}

// Drawing

function draw(focus) {
  place.replaceChildren(drawGroup(root, null));
  changed();
  if (focus) place.querySelector(focus)?.focus();
}

function redraw(node) {
  const held = document.activeElement?.dataset?.name;
  const old = node.element;
  old.replaceWith(drawNode(node, node.parent));
  changed();
  if (held) node.element.querySelector(`[data-name="${held}"]`)?.focus();
}

function drawNode(node, parent) {
  return node.leaf ? drawLeaf(node, parent) : drawGroup(node, parent);
}

function drawGroup(node, parent) {
  const box = element("fieldset", "v-rule-group");
  node.element = box;
  node.parent = parent;
  const mode = element("select", "v-input");
  mode.setAttribute("aria-label", "How these are joined");
  mode.dataset.name = "mode";
  const now = `${node.negated ? "not " : ""}${node.group}`;
  for (const [word, label] of MODES) mode.append(new Option(label, word, false, word === now));
  mode.addEventListener("change", () => {
    node.negated = mode.value.startsWith("not ");
    node.group = mode.value.replace("not ", "");
    changed();
  });
  const head = element("legend", "v-rule-head");
  head.append(mode);
  const children = element("div", "v-rule-children");
  children.append(...node.children.map((child) => drawNode(child, node)));
  box.append(head, children, drawErrors(), drawTools(node));
  if (parent) head.append(drawRemove(node, "Remove this group"));
  return box;
}

function drawTools(node) {
  const tools = element("div", "v-rule-tools");
  const kind = element("select", "v-input");
  kind.setAttribute("aria-label", "Kind of condition to add");
  for (const [word, label] of conditionKinds()) kind.append(new Option(label, word));
  tools.append(
    kind,
    button("Add condition", () => add(node, { leaf: fresh(kind.value) })),
    button("Add group", () => add(node, { group: node.group === "and" ? "or" : "and", negated: false, children: [{ leaf: fresh("attribute") }] })),
  );
  return tools;
}

function add(group, child) {
  group.children.push(child);
  const drawn = drawNode(child, group);
  group.element.querySelector(":scope > .v-rule-children").append(drawn);
  changed();
  drawn.querySelector("input, select, textarea").focus();
}

function drawRemove(node, label) {
  return button("Remove", () => {
    const group = node.parent;
    group.children.splice(group.children.indexOf(node), 1);
    node.element.remove();
    changed();
    group.element.querySelector(":scope > .v-rule-tools select").focus();
  }, label);
}

function drawErrors() {
  const made = element("div", "v-errors");
  made.setAttribute("role", "alert");
  return made;
}

function drawLeaf(node, parent) {
  const box = element("div", "v-rule-leaf");
  node.element = box;
  node.parent = parent;
  const row = element("div", "v-rule-row");
  const title = conditionKinds().find(([kind]) => kind === node.leaf.type)?.[1] ?? node.leaf.type;
  row.setAttribute("role", "group");
  row.setAttribute("aria-label", title);
  row.append(element("span", "v-rule-kind", title), ...fields(node.leaf, changed, () => redraw(node)), drawRemove(node, `Remove this condition: ${title}`));
  box.append(row);
  if (node.leaf.type === "event") box.append(drawFilters(node));
  box.append(drawErrors());
  return box;
}

function drawFilters(node) {
  const made = element("div", "v-rule-filters");
  for (const filter of node.leaf.where ?? []) {
    const row = element("div", "v-rule-row");
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", "Property of the event");
    row.append(element("span", "v-quiet", "where"), ...comparison(filter, changed, () => redraw(node), { name: "Property", list: "" }));
    row.append(button("Remove", () => {
      node.leaf.where.splice(node.leaf.where.indexOf(filter), 1);
      if (!node.leaf.where.length) delete node.leaf.where;
      redraw(node);
    }, "Remove this property"));
    made.append(row);
  }
  made.append(button("Add property", () => {
    node.leaf.where = [...(node.leaf.where ?? []), { ...FILTER }];
    redraw(node);
    node.element.querySelector(".v-rule-filters .v-rule-row:last-of-type input").focus();
  }));
  return made;
}

// What was changed is written into the form and asked about, half a second after the last key.

function changed() {
  text.value = JSON.stringify(closed(root, "rule"), null, 2);
  soon();
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(ask, 500);
}

function workspace() {
  return form.elements.namedItem("workspace")?.value || builder.workspace || "";
}

// One question at a time, as one may take Volley ten seconds: what changes meanwhile is asked about after it.

async function ask() {
  again = asking;
  if (asking) return;
  asking = true;
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.elements.namedItem("csrfmiddlewaretoken").value);
  body.set("workspace", workspace());
  body.set("rule", text.value);
  body.set("event", JSON.stringify(exampleEvent()));
  page.classList.add("v-busy");
  try {
    const response = await fetch(builder.preview_url, { method: "POST", body, headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    const answer = await response.json();
    if (!again) show(answer);
  } catch {
    if (!again) page.querySelector("[data-fits]").replaceChildren(element("p", "v-bad", "Volley did not answer. Change the rule to ask again."));
  }
  asking = false;
  if (again) ask();
  else page.classList.remove("v-busy");
}

function show(answer) {
  showErrors(touched ? answer.errors ?? [] : []);
  const fits = page.querySelector("[data-fits]");
  const sample = page.querySelector("[data-sample]");
  askForEvent(page.querySelector("[data-event]"), answer.event ?? [], soon);
  if (answer.wanting) {
    fits.replaceChildren(element("p", "v-quiet", "Give an example of the event to see who fits then."));
    sample.replaceChildren();
    return;
  }
  if (answer.errors || answer.stopped) {
    fits.replaceChildren(answer.stopped ? element("p", "v-bad", answer.stopped) : element("p", "v-quiet", "Complete the rule to see who fits it."));
    sample.replaceChildren();
    return;
  }
  const figure = element("p", "v-rule-count");
  figure.append(element("strong", "v-number", whole.format(answer.count)), answer.count === 1 ? " contact" : " contacts");
  fits.replaceChildren(figure);
  sample.replaceChildren(...(answer.sample.length ? [drawSample(answer.sample, answer.count)] : []));
}

function drawSample(people, count) {
  const table = element("table", "v-table");
  table.append(element("caption", "v-quiet", count > people.length ? `${people.length} of them` : "All of them"));
  const body = element("tbody");
  for (const one of people) {
    const row = element("tr");
    const link = element("a", "v-link", one.name);
    link.href = one.url;
    const name = element("td", "v-nowrap");
    name.append(link);
    const attributes = element("td");
    attributes.append(element("code", "v-code", one.attributes));
    row.append(name, attributes);
    body.append(row);
  }
  table.append(body);
  return table;
}

function showErrors(errors) {
  for (const old of place.querySelectorAll(".v-errors")) old.replaceChildren();
  for (const error of errors) {
    const node = nearest(root, error.field);
    const message = error.hint ? `${error.message} ${error.hint}` : error.message;
    const name = error.field.slice(node.path.length).replace(/^\./, "");
    node.element.querySelector(":scope > .v-errors").append(element("p", "", name && name !== "rule" ? `${name.replaceAll("_", " ")}: ${message}` : message));
  }
}

function nearest(node, field) {
  for (const child of node.children ?? []) if (field === child.path || field.startsWith(`${child.path}.`)) return nearest(child, field);
  return node;
}

// Names that are in use

async function readWords() {
  const response = await fetch(`${builder.words_url}?workspace=${encodeURIComponent(workspace())}`, { headers: { Accept: "application/json" } });
  if (!response.ok) return;
  Object.assign(words, await response.json());
  document.getElementById("segment-attributes").replaceChildren(...words.attributes.map(([name]) => new Option(name)));
  document.getElementById("segment-events").replaceChildren(...words.events.map((name) => new Option(name)));
}

function fromText() {
  try {
    root = openRoot(JSON.parse(text.value));
  } catch {
    return;
  }
  place.replaceChildren(drawGroup(root, null));
  closed(root, "rule");
  soon();
}

async function begin() {
  const row = text.closest(".field-rule") ?? text.parentElement;
  const raw = page.querySelector("[data-raw]");
  const failed = "failed" in page.dataset;
  touched = failed || Boolean(builder.rule);
  for (const kind of ["input", "change", "click"]) form.addEventListener(kind, () => { touched = true; });
  raw.checked = failed;
  row.hidden = !raw.checked;
  raw.addEventListener("change", () => { row.hidden = !raw.checked; if (raw.checked) text.focus(); });
  text.addEventListener("change", fromText);
  form.elements.namedItem("workspace")?.addEventListener("change", async () => { await readWords(); draw(); });
  try {
    root = openRoot(text.value.trim() && text.value.trim() !== "{}" ? JSON.parse(text.value) : builder.rule);
  } catch {
    root = openRoot(builder.rule);
    raw.checked = true;
    row.hidden = false;
  }
  await readWords().catch(() => {});
  if (raw.checked && failed) { place.replaceChildren(drawGroup(root, null)); closed(root, "rule"); soon(); } else draw();
}

if (text && !builder.readonly) begin();
else if (page) {
  place.replaceChildren(element("pre", "v-code", JSON.stringify(builder.rule, null, 2)));
  page.querySelector("[data-raw]").closest("p").hidden = true;
  page.querySelector(".v-launch-review").hidden = true;
}
