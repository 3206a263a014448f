// Order lines: add a line without a round trip, offer the product's price, strike removed lines.

import { attach } from "./typeahead.js";

const table = document.querySelector("[data-lines]");
const add = document.querySelector("[name=add_line]");

add?.addEventListener("click", (event) => {
  event.preventDefault();
  const last = [...table.querySelectorAll("tr[data-number]")].at(-1);
  const row = document.querySelector("template[data-line]").content.firstElementChild.cloneNode(true);
  const number = last ? Number(last.dataset.number) + 1 : 0;
  row.dataset.number = String(number);
  for (const element of row.querySelectorAll("[id], [name], [for], [aria-describedby]")) {
    for (const name of ["id", "name", "for", "aria-describedby"]) {
      const value = element.getAttribute(name);
      if (value) element.setAttribute(name, value.replaceAll("__number__", String(number)));
    }
  }
  table.append(row);
  const input = row.querySelector("input[data-lookup]");
  attach(input);
  input.focus();
});

// A price that nobody typed follows the product; any other stays, beside the product's own.
table?.addEventListener("chosen", (event) => {
  const price = event.target.closest("tr").querySelector("input[data-price]");
  const listed = event.detail.price;
  if (!price || !listed) return;
  if (!price.value.trim() || price.value === price.dataset.suggested) take(price, listed);
  else offer(price, Number(price.value) === Number(listed) ? "" : listed);
  price.dataset.suggested = listed;
});

table?.addEventListener("input", (event) => {
  const row = event.target.closest("tr");
  const price = row?.querySelector("input[data-price]");
  // An offer belongs to the product that stands there.
  if (price && event.isTrusted && event.target.matches("[data-lookup]")) offer(price, "");
});

function take(price, listed) {
  price.value = listed;
  price.dispatchEvent(new Event("input", { bubbles: true }));
  offer(price, "");
}

function offer(price, listed) {
  const cell = price.closest("td");
  let note = cell.querySelector(".listed");
  if (!note) {
    note = document.createElement("div");
    note.className = "listed";
    note.role = "status";
    cell.append(note);
  }
  note.replaceChildren();
  if (!listed) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Take it";
  button.addEventListener("click", () => { take(price, listed); price.focus(); });
  note.append(`List price ${listed}`, button);
}

table?.addEventListener("change", (event) => {
  if (event.target.matches("[data-remove]")) {
    event.target.closest("tr").classList.toggle("gone", event.target.checked);
  }
});
