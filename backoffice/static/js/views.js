// Comfort for the form that saves a view and for the export: both close like a menu. The list may be
// swapped at any moment, so nothing is held on to.

const OPEN = ":is(.pop, .menu)[open]";

document.addEventListener("toggle", ({ target }) => {
  if (target.matches(".pop[open]")) target.querySelector("input:not([type=hidden])").focus();
}, true);
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest(OPEN);
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
document.addEventListener("click", ({ target }) => {
  for (const open of document.querySelectorAll(OPEN)) if (!open.contains(target)) open.open = false;
});

/** The current view may stand far to the right. */
function show() {
  document.querySelector(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
document.addEventListener("grid:swapped", show);
show();
