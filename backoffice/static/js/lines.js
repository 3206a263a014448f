// Order lines: add a line without a round trip, take the product's price, strike removed lines.

import { attach } from "./typeahead.js";

const table = document.querySelector("[data-lines]");
const add = document.querySelector("[name=add_line]");

add?.addEventListener("click", (event) => {
  event.preventDefault();
  const rows = table.querySelectorAll("tr");
  const last = rows[rows.length - 1];
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

table?.addEventListener("chosen", (event) => {
  const price = event.target.closest("tr").querySelector("input[data-price]");
  if (price && !price.value) price.value = event.detail.price ?? "";
});

table?.addEventListener("change", (event) => {
  if (event.target.matches("[data-remove]")) {
    event.target.closest("tr").classList.toggle("gone", event.target.checked);
  }
});
