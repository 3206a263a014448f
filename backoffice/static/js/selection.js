// The rows selected in a list: kept while paging, sorting and looking at a record, until an action.
// Without this script the check boxes of one page are sent as they are.

function load(key) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(key));
    return { ids: new Set(kept.ids), all: kept.all };
  } catch {
    return { ids: new Set(), all: false };
  }
}

let read = () => {}; // takes over what is kept, for the list now shown

/** Make the check boxes and the bar of the list in `root` work, once for each list shown. */
export function attach(root) {
  const form = root.querySelector("#bulk");
  if (!form || form.dataset.attached) return;
  form.dataset.attached = "yes";
  const key = `selected:${location.pathname}?${form.dataset.rows}`; // one of each search and set of filters
  if (location.hash === "#changed") { // an action came to its end
    sessionStorage.removeItem(key);
    history.replaceState(history.state, "", location.pathname + location.search);
  }
  const boxes = [...root.querySelectorAll(".grid [name=ids]")];
  const page = root.querySelector("[data-select-page]");
  const count = form.querySelector("[data-count]");
  const everything = form.querySelector("[data-select-all]");
  const selected = { ids: new Set(), all: false };
  let last = null; // the box that a range begins at

  const show = () => {
    for (const box of boxes) box.checked = selected.all || selected.ids.has(box.value);
    const checked = boxes.filter((box) => box.checked).length;
    page.checked = checked === boxes.length;
    page.indeterminate = checked > 0 && !page.checked;
    const any = selected.all || selected.ids.size > 0;
    form.classList.toggle("shown", any);
    count.textContent = !any ? "" : selected.all
      ? `All ${everything.dataset.selectAll} selected`
      : `${selected.ids.size.toLocaleString("en")} selected`;
    if (everything) {
      everything.hidden = selected.all;
      form.elements.scope.value = selected.all ? "all" : "selected";
    }
  };
  const keep = () => {
    if (selected.all || selected.ids.size) {
      sessionStorage.setItem(key, JSON.stringify({ ids: [...selected.ids], all: selected.all }));
    } else sessionStorage.removeItem(key);
    show();
  };
  const select = (some, checked) => {
    if (selected.all) { // what is left of all is what this page shows of it
      selected.all = false;
      selected.ids = new Set(boxes.map((box) => box.value));
    }
    for (const box of some) selected.ids[checked ? "add" : "delete"](box.value);
    keep();
  };
  const clear = () => {
    selected.all = false;
    selected.ids.clear();
    keep();
  };

  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      const [from, to] = [boxes.indexOf(event.shiftKey && last ? last : box), boxes.indexOf(box)];
      const range = boxes.slice(Math.min(from, to), Math.max(from, to) + 1);
      last = box;
      select(range, box.checked);
    });
  }
  page.addEventListener("click", () => select(boxes, page.checked));
  everything?.addEventListener("click", () => {
    selected.all = true;
    keep();
    form.querySelector("[name=action]").focus(); // the button is gone, the focus must not be
  });
  form.querySelector("[data-clear]").addEventListener("click", () => {
    clear();
    boxes[0]?.focus();
  });
  form.addEventListener("formdata", ({ formData }) => {
    formData.delete("ids");
    if (!selected.all) formData.set("ids", [...selected.ids].join(","));
  });
  read = () => {
    Object.assign(selected, load(key));
    selected.all &&= Boolean(everything); // kept by somebody who may do more
    show();
  };
  read();
}

attach(document);
document.addEventListener("grid:swapped", () => attach(document));
// Back in a page that the browser kept: another page may have changed the selection.
addEventListener("pageshow", (event) => { if (event.persisted) read(); });
