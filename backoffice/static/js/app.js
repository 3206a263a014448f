// Comfort on top of pages that work without it: theme, filters, unsaved changes.

const root = document.documentElement;

document.querySelector("[data-theme-switch]")?.addEventListener("click", (event) => {
  const dark = getComputedStyle(root).colorScheme === "dark"
    || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  event.currentTarget.setAttribute("aria-pressed", String(!dark));
});

// A filter that is chosen from a list applies at once; the button stays for the others.
for (const select of document.querySelectorAll("select[data-submit]")) {
  select.addEventListener("change", () => select.form.requestSubmit());
}
// What says nothing does not belong in the address: empty filters, the usual sort.
for (const form of document.querySelectorAll("form[method=get]")) {
  form.addEventListener("submit", () => {
    for (const input of form.elements) {
      if (input.name && ["", input.dataset.default].includes(input.value)) input.disabled = true;
    }
  });
}
// Going back shows the page as it was left: the fields must work again.
addEventListener("pageshow", () => {
  for (const input of document.querySelectorAll("form[method=get] :disabled")) input.disabled = false;
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
