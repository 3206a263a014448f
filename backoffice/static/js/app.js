// Comfort on top of pages that work without it: theme, filters, unsaved changes.

const root = document.documentElement;

document.querySelector("[data-theme-switch]")?.addEventListener("click", (event) => {
  const dark = getComputedStyle(root).colorScheme === "dark"
    || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  event.currentTarget.setAttribute("aria-pressed", String(!dark));
});

// A filter that is chosen or ticked applies at once; the button stays for the others.
// Listened for on the document: a list's controls are replaced while the page stays, see swap.js.
document.addEventListener("change", ({ target }) => {
  if (target.matches(":is(select, [type=checkbox])[data-submit]")) target.form.requestSubmit();
});
// What says nothing does not belong in the address: empty filters, the usual sort.
document.addEventListener("formdata", ({ target: form, formData }) => {
  if (form.method !== "get") return;
  const said = [...formData].filter(
    ([name, value]) => !["", form.elements.namedItem(name)?.dataset?.default].includes(value),
  );
  for (const name of new Set(formData.keys())) formData.delete(name);
  for (const [name, value] of said) formData.append(name, value);
});

// Leaving a form with unsaved changes asks first.
for (const form of document.querySelectorAll("form[data-guard]")) {
  let changed = form.dataset.guard === "changed";
  form.addEventListener("input", () => { changed = true; });
  form.addEventListener("submit", () => { changed = false; });
  addEventListener("beforeunload", (event) => { if (changed) event.preventDefault(); });
}

// What takes long says that it runs, and is not sent twice.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", ({ submitter }) => setTimeout(() => { // its value is sent before
    const words = submitter.textContent;
    submitter.disabled = true;
    submitter.textContent = form.dataset.busy;
    addEventListener("pageshow", () => {
      submitter.disabled = false;
      submitter.textContent = words;
    }, { once: true });
  }));
}

// An error summary takes the focus, so that it is read out and its links are the next stop.
document.querySelector("[data-focus]")?.focus();
