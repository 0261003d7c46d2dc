"use strict";

// Asks once a second what became of the execution, and draws it; stops when it has ended, rests while the tab is hidden.
const page = document.getElementById("live");
const EVERY = 1000;
const HIDDEN_EVERY = 30000;
let failures = 0;
let timer = null;
let ended = false;

const part = (name) => page.querySelector(`[data-live="${name}"]`);
const whole = new Intl.NumberFormat("en");

function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function outcomeRow(outcome) {
  const row = element("tr");
  const name = element("td");
  name.append(element("span", `v-dot v-dot-${outcome.name}`), outcome.name[0].toUpperCase() + outcome.name.slice(1));
  const count = element("td", "v-right v-number", whole.format(outcome.count));
  const why = element("td");
  for (const reason of outcome.reasons) {
    const text = `${whole.format(reason.count)} · ${reason.words}`;
    if (outcome.name === "pending") {
      why.append(element("span", "v-reason", text));
    } else {
      const link = element("a", "v-reason", text);
      link.href = `${page.dataset.deliveriesUrl}?${new URLSearchParams({ outcome: outcome.name, reason: reason.name })}`;
      why.append(link);
    }
  }
  row.append(name, count, why);
  return row;
}

// A link that is there only while there is something behind it; only for those who may follow it.
function show(name, wanted, numberName, number = wanted) {
  const link = part(name);
  if (!link) return;
  link.hidden = !wanted;
  part(numberName).textContent = number ? whole.format(number) : "";
}

function draw(state) {
  const label = part("state");
  label.textContent = state.state_label;
  label.className = `v-state v-state-${state.state}`;
  const percent = state.progress === null ? null : Math.floor(state.progress * 100);
  part("percent").textContent = percent === null ? "–" : `${percent} %`;
  part("size").textContent = state.size === null ? "–" : whole.format(state.size);
  part("rate").textContent = state.rate_per_second ? whole.format(state.rate_per_second) : "–";
  part("eta").textContent = state.ended ? "done" : duration(state.eta_seconds);
  const reason = part("reason");
  const code = state.state_reason && state.state_reason.code;
  const retry = state.state_reason && state.state_reason.retry_at;
  reason.hidden = !state.state_reason;
  reason.textContent = state.state_reason
    ? `${state.state_reason.message || code}${retry ? ` Tries again at ${new Date(retry).toLocaleTimeString()}.` : ""}` : "";
  part("waiting").hidden = !state.waiting.length;
  part("waiting").textContent = `Next: ${state.waiting.join("; ")}`;
  const bar = part("bar");
  if (percent === null) bar.removeAttribute("aria-valuenow"); else bar.setAttribute("aria-valuenow", String(percent));
  const size = Math.max(1, state.size || 0);
  bar.replaceChildren(...state.outcomes.filter((each) => each.name !== "pending" && each.count).map((each) => {
    const stretch = element("span", `v-bar-${each.name}`);
    stretch.style.width = `${(100 * each.count) / size}%`;
    return stretch;
  }));
  part("outcomes").replaceChildren(...state.outcomes.map(outcomeRow));
  show("set-aside", state.set_aside, "set-aside-count");
  show("settle", state.to_settle, "to-settle");
  show("retry", state.may_retry, "to-retry", state.to_retry);
  for (const button of page.querySelectorAll("[data-moves] button")) {
    button.hidden = !state.actions.includes(button.value);
    button.disabled = false;
  }
  ended = state.ended;
}

function schedule() {
  clearTimeout(timer);
  if (ended) return;
  const rest = document.hidden ? HIDDEN_EVERY : Math.min(EVERY * 2 ** failures, HIDDEN_EVERY);
  timer = setTimeout(refresh, rest);
}

function trouble(text) {
  part("trouble").hidden = !text;
  part("trouble").textContent = text;
}

async function refresh() {
  try {
    const response = await fetch(page.dataset.progressUrl, { headers: { Accept: "application/json" } });
    if (response.redirected || !response.ok) throw new Error(String(response.status));
    draw(await response.json());
    failures = 0;
    trouble("");
  } catch {
    failures += 1;
    if (failures > 2) trouble("Volley does not answer; what you see is old. Trying again.");
  }
  schedule();
}

page.querySelector("[data-moves]").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = event.submitter;
  if (button.dataset.confirm && !window.confirm(button.dataset.confirm)) return;
  const body = new FormData(event.target);
  body.set("move", button.value);
  button.disabled = true;
  try {
    const response = await fetch(event.target.action, { method: "POST", body, headers: { Accept: "application/json" } });
    const answer = await response.json();
    if (response.ok) draw(answer); else trouble(answer.message);
  } catch {
    trouble("Volley does not answer. Try again.");
  }
  button.disabled = false;
  schedule();
});

document.addEventListener("visibilitychange", () => { if (!document.hidden && !ended) refresh(); });
draw(JSON.parse(document.getElementById("live-state").textContent));
schedule();
