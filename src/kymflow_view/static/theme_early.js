// Sets the theme before anything is drawn, so that the page does not flash; app/theme.js does the rest.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("kymflow.theme");
  } catch {
    // Storage is switched off: follow the system.
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = chosen === "light" || chosen === "dark" ? chosen : dark ? "dark" : "light";
})();
