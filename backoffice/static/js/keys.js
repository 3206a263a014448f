// Shortcuts, and the dialog that lists them: `?`. What they are called stands on the page.

const WAIT = 1500; // ms that `g` waits for its second letter

const find = (selector) => document.querySelector(selector);
const textOf = (element) => element.textContent.trim();

/** Letter -> link of a section: the first letter of its name that no section before it has. */
const sections = new Map();
for (const link of document.querySelectorAll(".side nav a")) {
  const letter = [...textOf(link).toLowerCase()].find((each) => /[a-z]/.test(each) && !sections.has(each));
  if (letter) sections.set(letter, link);
}

function move(step) {
  const links = [...document.querySelectorAll(".grid tbody tr")].map((row) => row.querySelector("a"));
  const row = document.activeElement.closest(".grid tbody tr");
  const at = row ? links.indexOf(row.querySelector("a")) + step : step > 0 ? 0 : links.length - 1;
  links[Math.min(Math.max(at, 0), links.length - 1)]?.focus();
}

function list() {
  const action = (key) => [[key], find(`[data-key=${key}]`)];
  const entries = [
    [["/"], find("input[name=search]") && "Search"],
    [["j"], find(".grid") && "Next row"],
    [["k"], find(".grid") && "Previous row"],
    [["Enter"], find(".grid") && "Open the row"],
    [["x"], find("#bulk") && "Select the row"],
    [["a"], find("#bulk") && "Act on the selected rows"],
    [["→"], find("td.edit") && "To the row's cells; arrows go on"],
    [["F2"], find("td.edit") && "Edit the cell; so does e"],
    [["Tab"], find("td.edit") && "Save the cell and edit the next"],
    ...["n", "e"].map(action).map(([keys, link]) => [keys, link && textOf(link)]),
    ...[...sections].map(([letter, link]) => [["g", letter], textOf(link)]),
    [["?"], "This list"],
  ];
  const names = document.createElement("dl");
  for (const [keys, words] of entries) {
    if (!words) continue;
    const term = document.createElement("dt"), meaning = document.createElement("dd");
    keys.forEach((key, i) => {
      const cap = document.createElement("kbd");
      cap.textContent = key;
      term.append(i ? " " : "", cap);
    });
    meaning.textContent = words;
    names.append(term, meaning);
  }
  return names;
}

function showList() {
  const dialog = document.createElement("dialog");
  const title = document.createElement("h2"), close = document.createElement("button");
  title.id = "keys-title";
  title.textContent = "Shortcuts";
  close.textContent = "Close";
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-labelledby", title.id);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.append(title, list(), close);
  document.body.append(dialog);
  dialog.showModal();
}

/** Presses what `key` stands for; false where the page has no such thing. */
function press(key) {
  const target = find(`[data-key=${key}]`);
  target?.click();
  return Boolean(target);
}

const keys = {
  "/": () => find("input[name=search]")?.select(),
  n: () => press("n"),
  e: () => press("e"),
  j: () => move(1),
  k: () => move(-1),
  x: () => document.activeElement.closest(".grid tbody tr")?.querySelector("[name=ids]")?.click(),
  a: () => find("#bulk [name=action]")?.focus(),
  "?": showList,
};

let wentAt = 0; // when `g` was pressed

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea, dialog, [contenteditable]");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const goes = event.timeStamp - wentAt < WAIT;
  wentAt = 0;
  if (goes && sections.has(event.key)) sections.get(event.key).click();
  else if (event.key === "g") wentAt = event.timeStamp;
  else if (!(event.key in keys) || keys[event.key]() === false) return;
  event.preventDefault();
});
