// What several views share.

import { el } from "./dom.js";

export function empty(title, text) {
  return el("div", { class: "empty" }, el("h2", {}, title), el("p", {}, text));
}

export function card(title, ...children) {
  return el("section", { class: "card" }, title ? el("h2", {}, title) : null, ...children);
}

// Asks whether a camera is to go; resolves to whether it went.
export function confirmRemoval(id, remove) {
  const dialog = document.getElementById("sure"), wrong = dialog.querySelector(".error");
  document.getElementById("sure-title").textContent = `Remove ${id}?`;
  document.getElementById("sure-why").textContent = "It leaves the network at once. What was counted of it is kept.";
  wrong.textContent = "";
  return new Promise((resolve) => {
    const done = (found) => {
      dialog.close();
      resolve(found);
    };
    dialog.querySelector("form").onsubmit = async (event) => {
      event.preventDefault();
      try {
        await remove();
        done(true);
      } catch (error) {
        wrong.textContent = error.message;
      }
    };
    dialog.querySelector("[value=cancel]").onclick = () => done(false);
    dialog.oncancel = () => resolve(false);
    dialog.showModal();
  });
}
