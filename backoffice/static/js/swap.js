// Paging, sorting, searching and filtering without loading the page anew: the answer is the same
// whole page that a browser without this script gets, and only what belongs to the list is taken
// over. A rendering of that part alone would save a few kilobytes, and be a second way for the
// server to say everything.

import { settle } from "./cells.js";
import { say } from "./live.js";

const OURS = ":is(#list, .page-header .context)"; // where links and forms are the list's own
const PARTS = ["#list", ".page-header .context", ".page-header .actions", ".messages", ".cost"];

const list = () => document.getElementById("list");
const addressOf = ({ pathname, search }) => pathname + search;
/** Whether `url` is this same list, otherwise narrowed, sorted or paged. */
const isHere = (url) => url.origin === location.origin && url.pathname === location.pathname;

let shown = addressOf(location); // what the list on the page is of
let asked = null; // {address, abort} of the answer that is waited for

async function swap(url, pushes = true) {
  const address = addressOf(url);
  if (asked?.address === address) return;
  asked?.abort.abort();
  const mine = asked = { address, abort: new AbortController() };
  const before = document.activeElement, typed = before.value;
  list().ariaBusy = "true";
  try {
    const answer = await fetch(address, { signal: mine.abort.signal });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const arrived = new URL(answer.url);
    if (!isHere(arrived) || !page.getElementById("list")) throw new Error("not the list");
    take(page, before, typed);
    if (pushes) push(arrived);
    shown = addressOf(arrived);
    asked = null;
  } catch (error) {
    if (error.name === "AbortError") return; // overtaken by a newer one
    // Signed out, an error, no connection: the browser shows it better than we could.
    location.assign(address);
  }
}

function push(url) {
  if (addressOf(url) !== shown) history.pushState(null, "", addressOf(url));
  if (list().getBoundingClientRect().top < 0) list().scrollIntoView();
}

/** Puts the parts of `page` in place; the focus stays on its control, or goes to the first row. */
function take(page, before, typed) {
  for (const hidden of page.querySelectorAll("noscript")) hidden.remove(); // read as if there were no scripts
  const within = before.closest(OURS), again = within && page.querySelector(selectorOf(before));
  const opened = document.querySelector("#list .filters")?.open;
  for (const part of PARTS) replace(part, page);
  if (opened) list().querySelector(".filters").open = true; // several are often set in a row
  document.title = page.title;
  document.dispatchEvent(new CustomEvent("grid:swapped"));
  if (within) (again || list().querySelector("tbody a"))?.focus({ preventScroll: true });
  if (again && typed !== undefined) {
    if (before.value !== typed) again.value = before.value; // typed on while the answer was on its way
    if (before.selectionStart != null) again.setSelectionRange(before.selectionStart, before.selectionEnd);
  }
  const where = list().querySelector(".where") ?? document.querySelector(".page-header .context");
  const told = [...document.querySelectorAll(".message"), where];
  say(told.map((part) => part.textContent.trim()).join(". "));
}

function replace(part, page) {
  const old = document.querySelector(part), next = page.querySelector(part);
  if (old && next) old.replaceWith(next);
  else if (next) document.querySelector(".page-header").after(next); // messages, where there were none
  else old?.remove();
}

/** Where the same control stands on the next page. */
function selectorOf(control) {
  if (control.id) return `#${CSS.escape(control.id)}`;
  if (control.rel) return `#list [rel="${control.rel}"]`;
  const head = control.closest("th");
  return head ? `#list th:nth-child(${head.cellIndex + 1}) a` : "#none";
}

/** Goes to `url` once what is being typed in a cell is saved. */
const go = async (url) => { if (await settle()) swap(url); };

document.addEventListener("click", (event) => {
  const link = event.target.closest(`${OURS} a[href]`);
  const plain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (!link || !plain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  if (!isHere(link) || link.hash) return;
  event.preventDefault();
  go(link);
});

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  const goesElsewhere = submitter?.matches("[formaction], [formmethod]");
  if (event.defaultPrevented || form.method !== "get" || !form.closest("#list") || goesElsewhere) return;
  const url = new URL(form.getAttribute("action") ?? "", location);
  if (!isHere(url)) return;
  event.preventDefault();
  url.search = new URLSearchParams(new FormData(form, submitter));
  go(url);
});

// The cross in the search box; Enter, which also tells of it, has sent the form already.
document.addEventListener("search", ({ target }) => {
  if (!target.value && target.closest("#list")) target.form.requestSubmit();
});

addEventListener("popstate", async () => {
  if (addressOf(location) === shown) return; // only the part behind # has changed
  if (await settle()) swap(location, false).then(returnToPlace);
  else history.pushState(null, "", shown);
});

// A wide list scrolls by itself: browsers bring only the window back to where it was left.
const returnToPlace = () => document.querySelector(".fit")?.scrollTo(...(history.state?.place ?? [0, 0]));

document.addEventListener("scrollend", ({ target }) => {
  if (!target.matches?.(".fit")) return;
  history.replaceState({ ...history.state, place: [target.scrollLeft, target.scrollTop] }, "");
}, true);
returnToPlace();
