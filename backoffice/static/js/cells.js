// Editing in place. The editor of a cell is a form that the server sends; it stands over the cell,
// whose own content stays where it is and keeps the row from jumping.

import { say } from "./live.js";
import { attach } from "./typeahead.js";

const CARDS = matchMedia("(max-width: 640px)"); // a phone's rows are cards, which open the record
const SIGNED_OUT = "You were signed out: sign in again in another tab, then save again.";
const SAYS = {
  400: SIGNED_OUT, // the token in the form is of the session before
  403: "Your role does not allow this.",
  404: "It is not there any more.",
  503: "The database is busy and nothing was saved. Try again.",
};

/**
 * The one editor there is: its `cell`; once it came, `form`, its `control` and what it said
 * `before`; while it saves, `saving`; `refused` is what was sent in vain, `theirs` a conflict's
 * other side, `stale` that the form needs the token of a new session.
 */
let editor = null;

const gridOf = (element) => element.closest(".grid[data-cells]");
const seen = (cells) => cells.filter((cell) => cell.offsetWidth); // a narrow page leaves some out
const cellsIn = (element) => seen([...element.querySelectorAll("td.edit")]);
const contentOf = (form) => new URLSearchParams(new FormData(form));
const changed = ({ form, before }) => String(contentOf(form)) !== before;

/** Makes a list's cells known to the keyboard: one tab stop, arrows from there. */
export function prepare() {
  const grid = document.querySelector(".grid[data-cells]");
  if (!grid || CARDS.matches) return;
  grid.role = "grid";
  grid.ariaReadOnly = "true";
  for (const cell of grid.querySelectorAll("td.edit")) {
    cell.tabIndex = -1;
    cell.ariaReadOnly = "false";
  }
  const [first] = cellsIn(grid);
  if (first) first.tabIndex = 0;
}

function focus(cell) {
  for (const other of gridOf(cell).querySelectorAll("td.edit[tabindex='0']")) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus();
}

/** An answer in words: `{status, html}` of an editor, what `cell_view` says of a save, or `error`. */
async function ask(address, body) {
  try {
    const answer = await fetch(address, body ? { method: "POST", body, keepalive: true } : {});
    if (answer.redirected) return { error: SIGNED_OUT };
    const { status, ok } = answer;
    if (answer.headers.get("Content-Type") === "application/json") return { status, ...await answer.json() };
    if (ok) return { status, html: await answer.text() };
    return { status, error: SAYS[status] ?? "This did not work and nothing was saved. Try again." };
  } catch {
    return { error: "No connection, and nothing was saved. Try again." };
  }
}

function formFrom(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.querySelector("form");
}

async function edit(cell) {
  if (CARDS.matches || editor?.cell === cell || !await settle()) return;
  const mine = editor = { cell };
  cell.querySelector(":scope > .error")?.remove();
  cell.ariaBusy = "true";
  const { dataset: { cells } } = gridOf(cell), { dataset: { id } } = cell.parentElement;
  const answer = await ask(`${cells}?id=${id}&field=${cell.dataset.field}`);
  cell.ariaBusy = null;
  if (editor !== mine) return;
  if (answer.error) {
    editor = null;
    return complain(cell, answer.error);
  }
  const form = formFrom(answer.html);
  cell.append(form);
  cell.classList.add("editing");
  const control = form.querySelector("input:not([type=hidden]), select, textarea");
  Object.assign(editor, { form, control, before: String(contentOf(form)) });
  if (control.dataset.lookup) attach(control);
  control.focus();
  control.select?.();
}

/** What cannot be said in an editor is said at the cell until the next try. */
function complain(cell, text) {
  const note = document.createElement("span");
  note.className = "error";
  note.role = "alert";
  note.textContent = text;
  cell.append(note);
  focus(cell);
}

/** Takes the editor away; `html` is what the cell then shows, if it is something new. */
function close(html) {
  const { cell, form } = editor;
  const hadFocus = form.contains(document.activeElement);
  editor = null;
  form.remove();
  cell.classList.remove("editing");
  cell.ariaBusy = null;
  if (html !== undefined) (cell.querySelector(":scope > a") ?? cell).innerHTML = html;
  if (hadFocus) focus(cell);
}

/** Whether the editor could be closed with all that was typed in it saved. */
function save() {
  editor.saving ??= send().finally(() => { if (editor) editor.saving = null; });
  return editor.saving;
}

async function send() {
  const { cell, form } = editor;
  if (!changed(editor)) {
    close();
    return true;
  }
  cell.ariaBusy = "true";
  if (editor.stale) await renew();
  const sent = contentOf(form);
  const answer = await ask(form.action, sent);
  cell.ariaBusy = null;
  if (!answer.error) {
    say(`${form.querySelector("label").textContent} saved`);
    close(answer.html);
    return true;
  }
  editor.refused = String(sent);
  editor.stale = answer.status === 400;
  tell(answer);
  return false;
}

/** The form was sent by a session that is over; the one of now has a token of its own. */
async function renew() {
  const { form } = editor, { html } = await ask(form.action);
  if (html) form.elements.csrf_token.value = formFrom(html).elements.csrf_token.value;
}

function tell({ error, theirs, version, base, html }) {
  const { form, control } = editor;
  const conflict = theirs !== undefined;
  if (conflict) {
    editor.theirs = html;
    form.elements.version.value = version;
    form.elements.base.value = base;
  }
  form.querySelector(".choice").hidden = !conflict;
  control.ariaInvalid = "true";
  form.querySelector(".error").textContent = error;
}

/** Saves what is being typed; false, and the focus back there, when that was refused. */
export async function settle() {
  if (!editor) return true;
  const { control } = editor;
  // A conflict is decided by whoever typed, not by going on.
  if (control && editor.theirs === undefined && await save()) return true;
  control?.focus();
  return false;
}

/** The cell that an arrow leads to. From a link in a row, the arrow to the right begins. */
function neighbour(from, key) {
  const cell = from.closest("td"), row = cell.parentElement, inRow = cellsIn(row);
  if (from !== cell) return key === "ArrowRight" ? inRow.find((each) => each.cellIndex >= cell.cellIndex) : null;
  const beside = { ArrowUp: row.previousElementSibling, ArrowDown: row.nextElementSibling }[key];
  return {
    ArrowLeft: inRow[inRow.indexOf(cell) - 1],
    ArrowRight: inRow[inRow.indexOf(cell) + 1],
    Home: inRow[0],
    End: inRow.at(-1),
  }[key] ?? beside?.cells[cell.cellIndex];
}

function pressedInGrid(event) {
  const from = event.target, cell = from.closest("td");
  if (event.key === "F2" || event.key === "e" || (event.key === "Enter" && from === cell)) {
    const meant = cell.matches(".edit") ? cell : cellsIn(cell.parentElement)[0];
    if (meant) edit(meant);
  } else {
    const next = event.shiftKey ? null : neighbour(from, event.key);
    if (!next) return;
    focus(next);
  }
  event.preventDefault();
}

async function pressedInEditor(event) {
  const { cell } = editor, { key, shiftKey, target } = event;
  if (!["Enter", "Escape", "Tab"].includes(key)) return;
  // In a conflict, Tab goes to the buttons, and Enter presses them.
  if (editor.theirs !== undefined && (key === "Tab" || target.matches("button")) && key !== "Escape") return;
  if (key === "Enter" && shiftKey && target.matches("textarea")) return;
  event.preventDefault();
  if (editor.saving) return;
  if (key === "Escape") return close(editor.theirs);
  const cells = cellsIn(gridOf(cell));
  const next = cells[cells.indexOf(cell) + (shiftKey ? -1 : 1)];
  if (await save() && key === "Tab" && next) edit(next);
}

document.addEventListener("keydown", (event) => {
  const { target } = event;
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (editor?.form?.contains(target)) pressedInEditor(event);
  else if (!CARDS.matches && gridOf(target) && target.matches("tbody td.edit, tbody a")) pressedInGrid(event);
});

document.addEventListener("click", (event) => {
  const { target } = event;
  if (target.matches("[data-keep]")) return close(editor.theirs);
  const cell = target.closest(".grid[data-cells] td.edit");
  // Links are links, and who marks text to copy it is not about to type.
  if (cell && !target.closest("a, form") && getSelection().isCollapsed) edit(cell);
});

document.addEventListener("submit", (event) => {
  if (event.target !== editor?.form) return;
  event.preventDefault();
  save();
});

// Whoever goes on elsewhere means what was typed; what was refused stays and says so.
document.addEventListener("focusout", ({ target, relatedTarget }) => {
  const form = editor?.form;
  if (!form?.contains(target) || form.contains(relatedTarget) || !document.hasFocus()) return;
  if (editor.theirs === undefined && editor.refused !== String(contentOf(form))) save();
});

addEventListener("beforeunload", (event) => { if (editor?.refused) event.preventDefault(); });
document.addEventListener("grid:swapped", () => { editor = null; prepare(); });
prepare();
