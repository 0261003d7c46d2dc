"use strict";

// Tabs: the first is open; without this script all panels are shown.
for (const tabs of document.querySelectorAll("[data-tabs]")) {
  const buttons = [...tabs.querySelectorAll("[data-tab]")];
  const panels = [...tabs.querySelectorAll("[data-panel]")];
  const open = (name) => {
    for (const button of buttons) button.setAttribute("aria-selected", String(button.dataset.tab === name));
    for (const panel of panels) panel.hidden = panel.dataset.panel !== name;
  };
  for (const button of buttons) button.addEventListener("click", () => open(button.dataset.tab));
  if (buttons.length) open(buttons[0].dataset.tab);
}
