// The trigger of a campaign: shows the fields that what is chosen asks for, and builds conditions without JSON.

import { builder, button, comparison, element, words } from "./segment_fields.js";

const field = (name) => document.querySelector(`.field-${name}`);
const input = (name) => document.getElementById(`id_${name}`);
const FILTER = { name: "", value_type: "text", operator: "equals", value: "" };
const LABELS = { trigger_where: "The event's property", trigger_cancel_where: "The cancelling event's property" };

function show(names, shown) {
  for (const name of names) if (field(name)) field(name).hidden = !shown;
}

function showParts() {
  const on = input("trigger_on").value;
  const repeat = input("trigger_per_contact").value;
  show(["trigger_event", "trigger_where", "trigger_delay", "trigger_delay_unit"], on);
  show(["trigger_per_contact", "trigger_cancel_event"], on === "contact");
  show(["trigger_window", "trigger_window_unit"], on === "contact" && repeat === "window");
  show(["trigger_cancel_where"], on === "contact" && input("trigger_cancel_event").value.trim() !== "");
  show(["trigger_everyone", "trigger_exclude"], on === "business");
  show(["trigger_sources"], on === "business" && !input("trigger_everyone").checked);
  offerEvents(on);
}

function offerEvents(on) {
  const names = on === "business" ? words.business_events ?? [] : words.events;
  document.getElementById("trigger-events").replaceChildren(...names.map((name) => new Option(name)));
}

// Conditions: a row for each, written into the field as JSON

function build(name) {
  const text = input(name);
  if (!text || text.disabled) return;
  let filters = [];
  try { filters = JSON.parse(text.value || "[]"); } catch { return; }
  if (!Array.isArray(filters)) return;
  const place = element("div", "v-rule-filters");
  text.hidden = true;
  text.after(place);
  const changed = () => { text.value = JSON.stringify(filters); };
  const draw = (focus) => {
    place.replaceChildren(...filters.map((filter) => row(name, filter, filters, changed, draw)), button("Add condition", () => {
      filters.push({ ...FILTER });
      changed();
      draw(true);
    }));
    if (focus) place.querySelector(".v-rule-row:last-of-type input")?.focus();
  };
  draw();
}

function row(name, filter, filters, changed, draw) {
  const made = element("div", "v-rule-row");
  made.setAttribute("role", "group");
  made.setAttribute("aria-label", LABELS[name]);
  const again = () => { changed(); draw(); };
  const event = name === "trigger_cancel_where" && filter.value_type !== "date" ? "the event that triggers" : "";
  made.append(...comparison(filter, changed, again, { name: "Property", list: "", event }), button("Remove", () => {
    filters.splice(filters.indexOf(filter), 1);
    again();
  }, "Remove this condition"));
  return made;
}

function workspace() {
  return input("workspace")?.value || builder.workspace || "";
}

async function readWords() {
  if (!workspace()) return;
  const response = await fetch(`${builder.words_url}?workspace=${encodeURIComponent(workspace())}`, { headers: { Accept: "application/json" } });
  if (response.ok) Object.assign(words, await response.json());
  offerEvents(input("trigger_on").value);
}

if (input("trigger_on")) {
  for (const name of ["trigger_on", "trigger_per_contact", "trigger_everyone"]) input(name).addEventListener("change", showParts);
  input("trigger_cancel_event").addEventListener("input", showParts);
  input("workspace")?.addEventListener("change", () => readWords().catch(() => {}));
  build("trigger_where");
  build("trigger_cancel_where");
  showParts();
  readWords().catch(() => {});
}
