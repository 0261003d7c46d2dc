"use strict";

// Shows the fields of the kind chosen, and answers *Test connection* in words without leaving the page.
document.addEventListener("DOMContentLoaded", () => {
  const kind = document.getElementById("id_kind");
  const fieldset = (name, field) =>
    document.querySelector(`.${name}`) || document.getElementById(field)?.closest("fieldset");
  const relay = fieldset("provider-smtp", "id_host");
  const http = fieldset("provider-http", "id_url");
  const show = () => {
    if (relay) relay.hidden = kind.value !== "smtp";
    if (http) http.hidden = !kind.value.startsWith("http");
  };
  if (kind) { kind.addEventListener("change", show); show(); }

  const form = document.querySelector("form[data-probe]");
  if (!form) return;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = form.querySelector(".v-probe");
    const button = form.querySelector("button");
    button.disabled = true;
    answer.className = "v-probe";
    answer.textContent = "Connecting…";
    try {
      const response = await fetch(form.action, {
        method: "POST", body: new FormData(form), headers: { Accept: "application/json" },
      });
      const result = await response.json();
      answer.classList.add(result.ok ? "v-good" : "v-bad");
      answer.textContent = [result.message, ...(result.details || [])].join(" · ");
    } catch {
      answer.classList.add("v-bad");
      answer.textContent = "Volley did not answer. Try again.";
    }
    button.disabled = false;
  });
});
