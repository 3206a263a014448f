// How far an import is, without loading the page again; when it is over, the page is loaded once.

const WAIT = 1000;

async function look() {
  const here = document.getElementById("progress");
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok && !answer.redirected) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = page.getElementById("progress");
      if (now?.dataset.state !== here.dataset.state) return location.reload();
      // Part by part: what is read out is told only when its words change.
      [...now.children].forEach((part, place) => {
        const old = here.children[place];
        if (part.localName === "progress") {
          if (part.hasAttribute("value")) old.value = part.value;
        } else if (old.textContent !== part.textContent) {
          old.textContent = part.textContent;
        }
      });
    }
  } catch {
    // The network is gone for a moment.
  }
  setTimeout(look, WAIT);
}

setTimeout(look, 400);
