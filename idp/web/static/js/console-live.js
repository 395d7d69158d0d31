// Follows the log: new events of the search come by themselves (server-sent events). Without this script the page is looked at again by its link.
const MOST = 200;
const button = document.querySelector("button[data-live]");
const section = document.querySelector("[data-live-section]");

if (button && section) {
  const list = section.querySelector("ol");
  const count = document.querySelector("[data-live-said]");
  // What the page lists comes again where it is young: numbers are given before the commit.
  const known = new Set([...document.querySelectorAll("[data-event]")].map((item) => item.dataset.event));
  let source = null;
  let total = 0;

  const stop = (said) => {
    source?.close();
    source = null;
    button.setAttribute("aria-pressed", "false");
    count.textContent = said;
  };
  const start = () => {
    source = new EventSource(button.dataset.live);
    button.setAttribute("aria-pressed", "true");
    count.textContent = button.dataset.begun;
    source.addEventListener("found", (message) => {
      const { id, html } = JSON.parse(message.data);
      if (known.has(id)) return;
      known.add(id);
      list.prepend(document.createRange().createContextualFragment(html));
      while (list.children.length > MOST) list.lastElementChild.remove();
      section.hidden = false;
      total += 1;
      count.textContent = `${button.dataset.count} ${total}`;
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) stop(button.dataset.ended);
    });
  };
  button.hidden = false;
  button.addEventListener("click", () => (source ? stop("") : start()));
}
