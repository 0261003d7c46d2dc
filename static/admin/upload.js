"use strict";

// Asks once a second how far the import is; stops when it has ended, rests while the tab is hidden.
const page = document.getElementById("upload");
const whole = new Intl.NumberFormat("en");
let ended = false;

const part = (name) => page.querySelector(`[data-part="${name}"]`);

function draw(state) {
  const label = part("state");
  label.textContent = state.state_label;
  label.className = `v-state v-state-${state.state === "importing" ? "running" : state.state}`;
  part("error").hidden = !state.error;
  part("error").textContent = state.error;
  part("bar").firstElementChild.style.width = `${Math.floor(state.progress * 100)}%`;
  part("bar").setAttribute("aria-valuenow", String(Math.floor(state.progress * 100)));
  for (const [name, count] of Object.entries(state.counts)) {
    page.querySelector(`[data-count="${name}"]`).textContent = whole.format(count);
  }
  part("rejected").hidden = !state.has_rejected_file;
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
