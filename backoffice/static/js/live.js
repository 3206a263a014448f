// Says to those who listen what the others see happen.

const region = document.createElement("div");
region.className = "unseen";
region.ariaLive = "polite"; // no role=status: the page's own messages have it
document.body.append(region);

export function say(text) {
  region.textContent = text ?? "";
}
