// Comfort on top of pages that work without it: theme, shortcuts, unsaved changes.

const root = document.documentElement;

document.querySelector("[data-theme-switch]")?.addEventListener("click", (event) => {
  const dark = getComputedStyle(root).colorScheme === "dark"
    || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  event.currentTarget.setAttribute("aria-pressed", String(!dark));
});

// `/` goes to the search box, `n` to the page's main action.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const target = { "/": "input[name=search]", n: "[data-key=n]", e: "[data-key=e]" }[event.key];
  const element = target && document.querySelector(target);
  if (!element) return;
  event.preventDefault();
  if (element.matches("input")) element.select();
  else element.click();
});

// A filter that is chosen from a list applies at once; the button stays for the others.
for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
// Empty filters do not belong in the address.
for (const form of document.querySelectorAll("form[method=get]")) {
  form.addEventListener("submit", () => {
    for (const input of form.elements) if (input.name && input.value === "") input.disabled = true;
  });
}

// Leaving a form with unsaved changes asks first.
for (const form of document.querySelectorAll("form[data-guard]")) {
  let changed = form.dataset.guard === "changed";
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}

// An error summary takes the focus, so that it is read out and its links are the next stop.
document.querySelector("[data-focus]")?.focus();

// On a phone the sections scroll sideways: show the current one.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
