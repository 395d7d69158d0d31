// Enhancements of any page. Every page works without them.
import {
  Button, Checkboxes, ErrorSummary, PasswordInput, SkipLink, createAll,
} from "../vendor/govuk-frontend-6.3.0/govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
for (const component of [Button, Checkboxes, ErrorSummary, PasswordInput, SkipLink]) createAll(component);

// Copy the text of another element: <button data-copy="#id" data-done="Copied">; the answer is said in the page's live region.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy);
    const text = source.matches("ol, ul") ? [...source.children].map((item) => item.textContent.trim()).join("\n") : source.textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      say(button.dataset.done);
    } catch {
      getSelection().selectAllChildren(source);
      say(button.dataset.failed);
    }
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}

function say(text) {
  const region = document.querySelector("[data-said]");
  if (region) region.textContent = text;
}
