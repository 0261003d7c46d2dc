"use strict";

// Asks once a second how far the import is; stops when it has ended, rests while the tab is hidden.
const page = document.getElementById("upload");
const whole = new Intl.NumberFormat("en");
let ended = false;

const part = (name) => page.querySelector(`[data-part="${name}"]`);

function duration(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

function pace(state) {
  const parts = [];
  if (state.state === "importing" || state.state === "waiting") parts.push(`${Math.floor(state.progress * 100)} %`);
  if (state.rate_per_second) parts.push(`${whole.format(Math.round(state.rate_per_second))} rows a second`);
  if (state.eta_seconds !== null) parts.push(`${duration(state.eta_seconds)} left`);
  return parts.join(" · ");
}

function draw(state) {
  const label = part("state");
  label.textContent = state.state_label;
  label.className = `v-state v-state-${state.state === "importing" ? "running" : state.state}`;
  part("error").hidden = !state.error;
  part("error").textContent = state.error;
  part("bar").firstElementChild.style.width = `${Math.floor(state.progress * 100)}%`;
  part("bar").setAttribute("aria-valuenow", String(Math.floor(state.progress * 100)));
  part("pace").textContent = pace(state);
  for (const [name, count] of Object.entries(state.counts)) {
    page.querySelector(`[data-count="${name}"]`).textContent = whole.format(count);
  }
  part("rejected").hidden = !state.has_rejected_file;
  const some = state.rejected_in_file < state.counts.rejected;
  part("some").textContent = some ? `The first ${whole.format(state.rejected_in_file)} of them.` : "";
  part("cancelled").hidden = state.state !== "cancelled";
  if (part("cancel")) part("cancel").hidden = !state.may_cancel;
  ended = state.ended;
}

async function refresh() {
  try {
    const response = await fetch(page.dataset.progressUrl, { headers: { Accept: "application/json" } });
    if (response.ok && !response.redirected) draw(await response.json());
  } catch {
    // The next turn asks again.
  }
  if (!ended) setTimeout(refresh, document.hidden ? 30000 : 1000);
}

draw(JSON.parse(document.getElementById("upload-state").textContent));
if (!ended) setTimeout(refresh, 1000);
