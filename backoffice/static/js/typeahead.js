// A text field for a code, with suggestions: an ARIA combobox with a list of options.
// Without this script the code is typed in full; the server knows no difference.

const WAIT = 120; // ms between two keys that make one question

/** Suggestions for ``text``, and what to say when there are none. */
async function suggestions(address, text) {
  try {
    const answer = await fetch(`${address}?q=${encodeURIComponent(text)}`);
    if (answer.redirected) return [[], "You are signed out: sign in again in another tab"];
    if (!answer.ok) throw new Error(answer.statusText);
    return [await answer.json(), `No match for “${text}”`];
  } catch {
    return [[], "No suggestions now: type the whole code"];
  }
}

export function attach(input) {
  const field = input.closest(".field, td");
  const list = document.createElement("ul");
  list.className = "options";
  list.id = `${input.id}-options`;
  list.role = "listbox";
  list.setAttribute("aria-label", "Suggestions");
  list.hidden = true;
  // Says what there is instead of suggestions; it is there from the start, so that it is read out.
  const note = document.createElement("div");
  note.className = "options none";
  note.role = "status";
  field.append(list, note);
  const chosen = field.querySelector(".chosen");
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": list.id, autocomplete: "off",
  })) input.setAttribute(name, value);

  let timer = 0, asked = 0, marked = -1;

  const close = () => {
    list.hidden = true;
    note.textContent = "";
    marked = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const mark = (index) => {
    marked = (index + list.children.length) % list.children.length;
    [...list.children].forEach((option, i) => {
      option.setAttribute("aria-selected", String(i === marked));
      if (i === marked) option.scrollIntoView({ block: "nearest" });
    });
    input.setAttribute("aria-activedescendant", list.children[marked].id);
  };
  const choose = (option) => {
    input.value = option.dataset.key;
    if (chosen) chosen.textContent = option.dataset.label;
    close();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    input.dispatchEvent(new CustomEvent("chosen", { bubbles: true, detail: option.dataset }));
    clearTimeout(timer);
    if (input.hasAttribute("data-submit")) input.form.requestSubmit();
  };
  const show = (options) => {
    list.replaceChildren(...options.map((option, i) => {
      const item = document.createElement("li");
      item.id = `${list.id}-${i}`;
      item.role = "option";
      item.setAttribute("aria-selected", "false");
      Object.assign(item.dataset, option);
      const label = document.createElement("span");
      label.textContent = option.label;
      const key = document.createElement("span");
      key.className = "key";
      key.textContent = option.key === option.label ? "" : option.key;
      item.append(label, key);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(item); });
      return item;
    }));
    list.hidden = options.length === 0;
    marked = -1;
    input.setAttribute("aria-expanded", String(!list.hidden));
  };
  const ask = async () => {
    const turn = ++asked;
    const text = input.value.trim();
    if (!text) return close();
    const [options, says] = await suggestions(input.dataset.lookup, text);
    if (turn !== asked || document.activeElement !== input) return;
    close();
    if (options.length) show(options);
    else note.textContent = says;
  };

  input.addEventListener("input", (event) => {
    if (!event.isTrusted) return;
    if (chosen) chosen.textContent = "";
    close(); // what it shows belongs to the text before
    clearTimeout(timer);
    timer = setTimeout(ask, WAIT);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && list.hidden) { ask(); event.preventDefault(); return; }
    if (event.key === "Escape" && note.textContent) { close(); event.preventDefault(); return; }
    if (list.hidden) return;
    if (event.key === "ArrowDown") mark(marked + 1);
    else if (event.key === "ArrowUp") mark(marked - 1);
    else if (event.key === "Escape") close();
    else if (event.key === "Enter" && marked >= 0) choose(list.children[marked]);
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
}

function attachAll() {
  for (const input of document.querySelectorAll("input[data-lookup]:not([role])")) attach(input);
}

document.addEventListener("grid:swapped", attachAll);
attachAll();
