"use strict";

// Asks for the newest rows every two seconds and puts in those that are new; a row that is open stays open.
const status = document.getElementById("events-live");
const body = document.getElementById("events");
const nothing = document.getElementById("no-events");
const EVERY = 2000;
const HIDDEN_EVERY = 30000;
const WORDS = status.textContent;
let failures = 0;

// A row that is there stays, but for what the event triggered, which goes on after it arrived.
function renewed(old, row) {
  if (!old) return row;
  const [before, now] = [old, row].map((one) => one.querySelector("[data-triggered]"));
  if (before.innerHTML !== now.innerHTML) before.replaceWith(now);
  return old;
}

function draw(text) {
  const made = document.createElement("template");
  made.innerHTML = `<table><tbody>${text}</tbody></table>`;
  const here = new Map([...body.rows].map((row) => [row.dataset.id, row]));
  const rows = [...made.content.querySelectorAll("tr")].map((row) => renewed(here.get(row.dataset.id), row));
  const same = rows.length === body.rows.length && rows.every((row, place) => row === body.rows[place]);
  if (!same) body.replaceChildren(...rows);
  nothing.hidden = rows.length > 0;
}

async function refresh() {
  try {
    const response = await fetch(status.dataset.rowsUrl);
    if (response.redirected || !response.ok) throw new Error(String(response.status));
    draw(await response.text());
    failures = 0;
    status.textContent = WORDS;
  } catch {
    failures += 1;
    if (failures > 2) status.textContent = "Volley does not answer; what you see is old. Trying again.";
  }
  schedule();
}

function schedule() {
  setTimeout(refresh, document.hidden ? HIDDEN_EVERY : Math.min(EVERY * 2 ** failures, HIDDEN_EVERY));
}

schedule();
