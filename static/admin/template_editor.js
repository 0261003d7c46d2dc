// The template editor: sends what is typed to the preview, shows what comes back. Nothing is saved from here.
const form = document.getElementById("template-editor");
const fields = [...form.querySelectorAll("[name^='part-']")];
const contact = document.getElementById("te-contact");
const state = document.getElementById("te-state");
const contactState = document.getElementById("te-contact-state");
const values = { defaults: parse(form.elements.defaults.value), sample: parse(form.elements.sample.value) };
const PAUSE = 350; // ms without a key before a preview is asked for
let asked = 0;
let timer = 0;

function parse(text) {
  try { return JSON.parse(text) || {}; } catch { return {}; }
}

function fromCell(text) {
  if (text.trim() === "") return undefined;
  try { return JSON.parse(text); } catch { return text; }
}

function toCell(value) {
  if (value === undefined) return "";
  return typeof value === "string" && fromCell(value) === value ? value : JSON.stringify(value);
}

function content() {
  return Object.fromEntries(fields.map((field) => [field.name.slice(5), field.value]));
}

function number(field, problems = []) {
  const gutter = field.parentElement.querySelector(".te-gutter");
  if (!gutter) return;
  const wrong = new Set(problems.filter((p) => p.level === "error").map((p) => p.line));
  gutter.replaceChildren(...field.value.split("\n").map((_, index) => {
    const line = document.createElement("span");
    line.textContent = `${index + 1}\n`;
    if (wrong.has(index + 1)) line.className = "te-wrong";
    return line;
  }));
  gutter.scrollTop = field.scrollTop;
}

function showProblems(problems) {
  for (const field of fields) {
    const part = field.name.slice(5);
    const mine = problems.filter((p) => p.part === part || p.part.startsWith(`${part}.`));
    field.closest(".te-part").querySelector(".te-problems").replaceChildren(...mine.map((p) => {
      const item = document.createElement("li");
      item.className = `te-${p.level}`;
      item.textContent = `${p.line ? `Line ${p.line}: ` : ""}${p.message}${p.hint ? ` ${p.hint}` : ""}`;
      return item;
    }));
    number(field, mine);
  }
}

function showParts(parts) {
  for (const place of document.querySelectorAll("[data-output]")) {
    const text = parts[place.dataset.output];
    if (place.tagName === "IFRAME") place.srcdoc = text || "";
    else place.textContent = typeof text === "object" ? JSON.stringify(text, null, 2) : text || "";
  }
}

function cell(kind, name) {
  const box = document.createElement("td");
  const input = document.createElement("input");
  input.type = "text";
  input.value = toCell(values[kind][name]);
  input.setAttribute("aria-label", `${kind === "defaults" ? "Default" : "Sample"} of ${name}`);
  input.readOnly = fields[0].readOnly;
  input.addEventListener("input", () => {
    const value = fromCell(input.value);
    if (value === undefined) delete values[kind][name]; else values[kind][name] = value;
    form.elements[kind].value = JSON.stringify(values[kind]);
    soon();
  });
  box.append(input);
  return box;
}

function showVariables(variables) {
  const body = form.querySelector(".te-variables tbody");
  const shown = [...body.rows].map((row) => row.dataset.key).join();
  const keys = variables.map((v) => `${v.name}:${v.required}`);
  if (shown === keys.join()) return; // keeps the cursor where it is
  body.replaceChildren(...variables.map((variable, index) => {
    const row = document.createElement("tr");
    row.dataset.key = keys[index];
    const name = document.createElement("th");
    name.textContent = variable.name;
    name.title = `Used in ${variable.places.join(", ")}`;
    if (variable.required) {
      const mark = document.createElement("em");
      mark.textContent = "required";
      name.append(" ", mark);
    }
    row.append(name, cell("defaults", variable.name), cell("sample", variable.name));
    return row;
  }));
}

function showContact(found) {
  contactState.textContent = contact.value.trim() && !found ? "No such contact; showing sample values." : found ? `Shown for ${found}` : "";
}

function verdict(answer) {
  if (!answer.parts) return "Not rendered: mend the errors first.";
  if (!answer.missing.length) return "Up to date";
  return `No value for ${[...new Set(answer.missing)].join(", ")}: this recipient would be skipped.`;
}

async function preview() {
  const turn = ++asked;
  state.textContent = "Rendering…";
  try {
    const response = await fetch(form.dataset.previewUrl, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": form.elements.csrfmiddlewaretoken.value },
      body: JSON.stringify({ content: content(), purpose: form.elements.purpose.value, contact: contact.value.trim(), ...values }),
    });
    const answer = await response.json();
    if (turn !== asked) return; // a later one is on its way
    if (!response.ok) { state.textContent = answer.message || "The preview failed."; return; }
    showProblems(answer.problems);
    showVariables(answer.variables);
    showContact(answer.contact);
    if (answer.parts) showParts(answer.parts);
    state.textContent = verdict(answer);
    form.dataset.previewed = String(turn);
  } catch {
    if (turn === asked) state.textContent = "The server did not answer; your text is still here.";
  }
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(preview, PAUSE);
}

for (const field of fields) {
  number(field);
  field.addEventListener("input", () => { number(field); soon(); });
  field.addEventListener("scroll", () => {
    const gutter = field.parentElement.querySelector(".te-gutter");
    if (gutter) gutter.scrollTop = field.scrollTop;
  });
}
contact.addEventListener("input", soon);
form.elements.purpose.addEventListener("change", soon);
for (const tab of form.querySelectorAll("[data-tab]")) {
  tab.addEventListener("click", () => {
    for (const other of form.querySelectorAll("[data-tab]")) {
      other.setAttribute("aria-selected", String(other === tab));
      form.querySelector(`[data-output='${other.dataset.tab}']`).hidden = other !== tab;
    }
  });
}

let dirty = false;
form.addEventListener("input", (event) => { if (event.target !== contact) dirty = true; });
form.addEventListener("submit", () => { dirty = false; });
window.addEventListener("beforeunload", (event) => { if (dirty) event.preventDefault(); });
preview();
