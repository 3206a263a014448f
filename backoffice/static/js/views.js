// Comfort for the form that saves a view: it closes like a menu. The list may be swapped at any
// moment, so nothing is held on to.

const pop = () => document.querySelector(".pop[open]");

document.addEventListener("toggle", ({ target }) => {
  if (target.matches(".pop[open]")) target.querySelector("input:not([type=hidden])").focus();
}, true);
document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && event.target.closest(".pop[open]");
  if (!open) return;
  open.open = false;
  open.querySelector("summary").focus();
});
document.addEventListener("click", ({ target }) => {
  const open = pop();
  if (open && !open.contains(target)) open.open = false;
});

/** The current view may stand far to the right. */
function show() {
  document.querySelector(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}
document.addEventListener("grid:swapped", show);
show();
