"use strict";

// Shows what a launch of this form would do, again after each change; the server decides and does everything.
const form = document.getElementById("launch");
const whole = new Intl.NumberFormat("en");
let asked = 0;
let timer = null;
// Whom the message is shown as: a test send without a chosen contact shows the same.
let shownAs = "";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined && text !== null) made.textContent = text;
  return made;
}

// The parts of "when" that what is chosen asks for

function showParts() {
  const chosen = (name) => form.elements[name].value;
  const shown = {
    clock: chosen("when") !== "now",
    past: chosen("clock") === "recipient",
    repeat: chosen("when") === "recurring",
    weekdays: chosen("repeat") === "WEEKLY",
    rule: chosen("repeat") === "rule",
    after: chosen("cut_off") === "after",
    time: chosen("cut_off") === "time",
    at: chosen("cut_off") === "at",
  };
  for (const part of form.querySelectorAll("[data-part]")) part.hidden = !shown[part.dataset.part];
  const button = form.querySelector("[data-launch]");
  if (button && button.dataset.recurring) button.textContent = shown.repeat ? button.dataset.recurring : button.dataset.once;
}

// Personalization rows

function addPair() {
  const pairs = form.querySelector("[data-pairs]");
  const row = pairs.lastElementChild.cloneNode(true);
  for (const input of row.querySelectorAll("input")) input.value = "";
  pairs.append(row);
  row.querySelector("input").focus();
}

form.addEventListener("click", (event) => {
  const target = event.target.closest("button");
  if (!target) return;
  if (target.matches("[data-add]")) addPair();
  if (target.matches("[data-remove]")) {
    const row = target.closest(".v-pair");
    if (row.parentElement.children.length > 1) row.remove();
    else for (const input of row.querySelectorAll("input")) input.value = "";
    soon();
  }
  if (target.matches("[data-refresh]")) review();
  if (target.matches("[data-test]")) sendTest(target);
});

for (const find of form.querySelectorAll("[data-find]")) {
  find.addEventListener("input", (event) => {
    event.stopPropagation();
    const wanted = find.value.trim().toLowerCase();
    for (const row of find.closest("[data-picker]").querySelectorAll("label")) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted) && !row.querySelector("input").checked;
    }
  });
}

// Review and preview

async function post(url, extra = {}) {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(extra)) body.set(name, value);
  const response = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  return response.json();
}

function showErrors(errors) {
  for (const place of form.querySelectorAll("[data-errors]")) {
    place.replaceChildren(...(errors[place.dataset.errors] || []).map((text) => element("p", "", text)));
  }
}

function figure(label, value, className) {
  const made = element("div");
  made.append(element("dt", "", label), element("dd", className || "", value));
  return made;
}

function drawReview(review) {
  const place = form.querySelector("[data-review]");
  const figures = element("dl", "v-figures");
  figures.append(figure("Will get it", whole.format(review.would_send), "v-good"));
  figures.append(figure("In the audience", whole.format(review.audience.size)));
  const held = review.audience.size - review.would_send;
  figures.append(figure("Held back", whole.format(held)));
  const parts = [figures];
  if (!review.exact) parts.push(element("p", "v-quiet", "An estimate: the audience is too large to look at everybody now."));
  const quiet = review.waiting && review.waiting.quiet_hours;
  if (quiet) parts.push(element("p", "v-quiet", `${whole.format(quiet)} of them have quiet hours then, and get it when those are over.`));
  if (review.skipped_in_words.length) {
    const rows = element("ul", "v-skips");
    for (const one of review.skipped_in_words) {
      const row = element("li");
      row.append(element("strong", "v-number", whole.format(one.count)), ` ${one.words}`);
      rows.append(row);
    }
    for (const one of review.missing_variables || []) {
      const row = element("li", "v-deeper");
      row.append(element("strong", "v-number", whole.format(one.count)), " lack ", element("code", "v-code", one.name));
      rows.append(row);
    }
    for (const one of review.frequency_caps || []) {
      const row = element("li", "v-deeper");
      row.append(element("strong", "v-number", whole.format(one.count)), ` held back by the cap “${one.rule}”`);
      rows.append(row);
    }
    parts.push(rows);
  }
  if (review.audience.excluded) parts.push(element("p", "v-quiet", `${whole.format(review.audience.excluded)} left out as asked.`));
  parts.push(...drawWhen(review.when));
  for (const problem of review.problems || []) parts.push(element("p", problem.level === "error" ? "v-bad" : "v-notice", problem.message));
  place.replaceChildren(...parts);
}

function minutes(text) {
  return text.replace("T", " ").replace(/:00Z$/, " UTC");
}

function drawWhen(when) {
  const parts = [when.starts, when.stops].filter(Boolean).map((text) => element("p", "v-quiet", text));
  if (when.people.length) {
    const rows = element("ul", "v-skips");
    rows.dataset.people = "";
    for (const one of when.people) {
      const row = element("li");
      row.append(element("strong", "v-number", whole.format(one.contacts)), ` ${one.at ? `from ${minutes(one.at)} on, ` : ""}${one.words}`);
      rows.append(row);
    }
    parts.push(element("h3", "", "Contacts, by their own clocks"), rows);
  }
  if (when.next_runs.length) {
    const rows = element("ol", "v-skips");
    rows.dataset.runs = "";
    for (const run of when.next_runs) {
      const row = element("li", "", minutes(run.at));
      row.append(element("span", "v-quiet", ` (${minutes(run.starts_at)})`));
      rows.append(row);
    }
    parts.push(element("h3", "", "The next runs"), rows);
  }
  return parts;
}

function frame(html) {
  const made = element("iframe", "v-frame");
  made.setAttribute("sandbox", "");
  made.title = "The HTML part";
  made.srcdoc = html;
  return made;
}

function weight(content) {
  const bytes = new Blob(Object.values(content).map((part) => (typeof part === "string" ? part : JSON.stringify(part || "")))).size;
  return bytes < 1024 ? `${bytes} bytes of content.` : `${(bytes / 1024).toFixed(1)} kB of content.`;
}

function drawEmail(content) {
  const subject = element("p", "v-subject", content.subject || "(no subject)");
  const parts = [subject];
  if (content.html) parts.push(frame(content.html));
  if (content.text) {
    const more = element("details");
    more.append(element("summary", "", "Text part"), element("pre", "v-plain", content.text));
    parts.push(more);
  }
  return parts;
}

function drawPhone(content) {
  const phone = element("div", "v-phone v-phone-small");
  const card = element("div", "v-phone-card");
  const title = content.title || "";
  const body = content.body || content.text || "";
  if (title) card.append(element("div", "v-phone-title", title));
  card.append(element("div", "v-phone-body", body));
  phone.append(card);
  const parts = [phone];
  if (content.link) {
    const link = element("p", "v-quiet", "Opens ");
    link.append(element("code", "v-code", content.link));
    parts.push(link);
  }
  return parts;
}

function drawPreview(answer) {
  const who = form.querySelector("[data-preview-who]");
  const place = form.querySelector("[data-preview]");
  const sample = answer.review && answer.review.samples && answer.review.samples[0];
  let content = answer.preview.content;
  who.className = "v-quiet";
  if (answer.unknown_contact) {
    who.textContent = "There is no such contact in this workspace.";
    who.className = "v-bad";
  } else if (answer.contact) who.textContent = `As ${answer.contact} gets it.`;
  else if (sample) {
    who.textContent = `As ${sample.external_id || sample.address} gets it.`;
    content = sample.content;
    shownAs = sample.external_id || sample.address || "";
  } else who.textContent = "With the template's sample values.";
  const parts = [];
  if ((answer.contact || !sample) && answer.preview.missing.length) {
    parts.push(element("p", "v-notice", `Without a value: ${[...new Set(answer.preview.missing)].join(", ")}. Such a recipient is skipped.`));
  }
  for (const problem of answer.preview.problems) {
    if (problem.level === "error") parts.push(element("p", "v-bad", problem.message));
  }
  if (content) parts.push(element("p", "v-quiet", weight(content)), ...(form.dataset.type === "email" ? drawEmail(content) : drawPhone(content)));
  place.replaceChildren(...parts);
}

async function review() {
  clearTimeout(timer);
  const mine = ++asked;
  const place = form.querySelector("[data-review]");
  form.classList.add("v-busy");
  try {
    const answer = await post(form.dataset.reviewUrl);
    if (mine !== asked) return;
    showErrors(answer.errors);
    if (answer.review) drawReview(answer.review);
    else place.replaceChildren(element("p", "v-quiet", "Not ready yet: see what is marked."));
    drawPreview(answer);
  } catch {
    if (mine === asked) place.replaceChildren(element("p", "v-bad", "Volley did not answer. Check again in a moment."));
  }
  if (mine === asked) form.classList.remove("v-busy");
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(review, 500);
}

form.addEventListener("input", (event) => {
  if (event.target.name === "audience") form.querySelector("[data-sources]").hidden = event.target.value === "all";
  if (event.target.name === "scheduled_for" && form.elements.when.value === "now") form.elements.when.value = "later";
  if (event.target.name === "timezone") form.elements.clock.value = "zone";
  showParts();
  if (event.target.name !== "test_addresses" && event.target.name !== "contact") soon();
});
form.addEventListener("change", (event) => { if (event.target.name === "contact") soon(); });
form.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("input")) return;
  event.preventDefault();
  if (event.target.name === "test_addresses") form.querySelector("[data-test]").click(); else review();
});

// Test send and launch

async function sendTest(button) {
  const place = form.querySelector("[data-test-results]");
  button.disabled = true;
  place.replaceChildren(element("p", "v-quiet", "Sending…"));
  try {
    const answer = await post(form.dataset.testUrl, { contact: form.elements.contact.value || shownAs });
    place.replaceChildren(...answer.results.map((one) => element("p", one.ok ? "v-good" : "v-bad", [one.address, one.message].filter(Boolean).join(": "))));
  } catch {
    place.replaceChildren(element("p", "v-bad", "Volley did not answer. Try again."));
  }
  button.disabled = false;
}

form.addEventListener("submit", () => {
  // The server makes one execution of a double click; this only shows that it is under way.
  const button = form.querySelector("[data-launch]");
  setTimeout(() => { button.disabled = true; button.textContent = "Launching…"; }, 0);
});
window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });

showParts();
review();
