// Light, dark, or as the system is.

import { button, fill } from "./dom.js";

/** A button that goes through the three. */
export function themeButton() {
  const names = { auto: "Auto", light: "Light", dark: "Dark" };
  let theme = localStorage.getItem("tfsclient-theme") ?? "auto";
  const made = button(
    "",
    () => {
      const order = Object.keys(names);
      theme = order[(order.indexOf(theme) + 1) % order.length];
      localStorage.setItem("tfsclient-theme", theme);
      apply();
    },
    { class: "plain theme" },
  );
  const apply = () => {
    document.documentElement.dataset.theme = theme;
    fill(made, names[theme]);
    made.setAttribute("aria-label", `Colours: ${names[theme].toLowerCase()}`);
  };
  apply();
  return made;
}
