// Comfort for the form that saves a view: it closes like a menu.

const pop = document.querySelector(".pop");

pop?.addEventListener("toggle", () => {
  if (pop.open) pop.querySelector("input:not([type=hidden])").focus();
});
pop?.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  pop.open = false;
  pop.querySelector("summary").focus();
});
document.addEventListener("click", (event) => {
  if (pop?.open && !pop.contains(event.target)) pop.open = false;
});
// The current view may stand far to the right.
document.querySelector(".views [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
