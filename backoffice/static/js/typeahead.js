// A text field for a code, with suggestions: an ARIA combobox with a list of options.
// Without this script the code is typed in full; the server knows no difference.

const WAIT = 120; // ms between two keys that make one question

export function attach(input) {
  const field = input.closest(".field, td");
  const list = document.createElement("ul");
  list.className = "options";
  list.id = `${input.id}-options`;
  list.role = "listbox";
  list.setAttribute("aria-label", "Suggestions");
  list.hidden = true;
  field.append(list);
  field.style.position = "relative";
  const chosen = field.querySelector(".chosen");
  for (const [name, value] of Object.entries({
    role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false",
    "aria-controls": list.id, autocomplete: "off",
  })) input.setAttribute(name, value);

  let timer = 0, asked = 0, marked = -1;

  const close = () => {
    list.hidden = true;
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
    const answer = await fetch(`${input.dataset.lookup}?q=${encodeURIComponent(text)}`);
    if (answer.ok && turn === asked && document.activeElement === input) show(await answer.json());
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

for (const input of document.querySelectorAll("input[data-lookup]")) attach(input);
