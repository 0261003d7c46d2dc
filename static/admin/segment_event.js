// An example of the business event that a rule refers to, so that it can be counted.

import { element } from "./segment_fields.js";

const typed = new Map();
let asked = [];

const READ = {
  number: Number, number_range: Number, days: Number,
  flag: (text) => text.trim() === "true",
  texts: items, scalars: items,
  numbers: (text) => items(text).map(Number),
};

function items(text) {
  return text.split(",").map((one) => one.trim()).filter((one) => one !== "");
}

// What was typed for the properties that were asked for last; those left empty are left out.
export function exampleEvent() {
  const found = {};
  for (const [name, kind] of asked) {
    const text = typed.get(name) ?? "";
    if (text.trim() !== "") found[name] = (READ[kind] ?? String)(text);
  }
  return found;
}

// `properties` are (name, kind of value) pairs; the fields that stand there stay while these are the same.
export function askForEvent(place, properties, changed) {
  const same = JSON.stringify(properties) === JSON.stringify(asked);
  asked = properties;
  if (same) return;
  place.replaceChildren(...(properties.length ? [element("p", "v-quiet", "The rule refers to a business event. An example of its properties:")] : []), ...properties.map(([name, kind]) => field(name, kind, changed)));
}

function field(name, kind, changed) {
  const label = element("label", "v-field", name);
  const made = element("input", "v-input");
  made.value = typed.get(name) ?? "";
  made.placeholder = { number: "9.9", numbers: "1, 2", texts: "A-1, A-2", scalars: "A-1, A-2", flag: "true", day: "2026-01-31", days: "30" }[kind] ?? "A-1";
  made.addEventListener("input", () => { typed.set(name, made.value); changed(); });
  label.append(made);
  return label;
}
