// Requests to the server that this page came from.

let token = sessionStorage.getItem("token");

export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export async function ask(path, options = {}) {
  const headers = { ...(options.headers ?? {}) };
  if (token) headers.Authorization = `Bearer ${token}`;
  const patience = AbortSignal.timeout(20000);
  const signal = options.signal ? AbortSignal.any([patience, options.signal]) : patience;
  const answer = await fetch(`/api/v1/${path}`, { ...options, headers, signal, cache: "no-cache" });
  if (answer.ok) return answer;
  let detail = `${answer.status} ${answer.statusText}`;
  try {
    detail = (await answer.json()).detail ?? detail;
  } catch {
    // Not every failure explains itself.
  }
  if (answer.status === 401 && options.quiet !== true) {
    if (await askForToken(detail)) return ask(path, options);
  }
  throw new Refused(answer.status, detail);
}

export async function read(path, options) {
  return (await ask(path, options)).json();
}

export async function change(method, path, body) {
  if (!token && !(await askForToken("Changing cameras needs the token that the server was started with."))) {
    throw new Refused(401, "nothing was changed: no token was given");
  }
  const headers = body ? { "Content-Type": "application/json" } : {};
  return ask(path, { method, headers, body: body ? JSON.stringify(body) : undefined });
}

let asking = null;

function askForToken(why) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("token");
    const input = dialog.querySelector("input");
    document.getElementById("token-why").textContent = why;
    input.value = "";
    const done = (found) => {
      asking = null;
      dialog.close();
      resolve(found);
    };
    dialog.querySelector("form").onsubmit = (event) => {
      event.preventDefault();
      token = input.value.trim();
      sessionStorage.setItem("token", token);
      input.value = "";
      done(true);
    };
    dialog.querySelector("[value=cancel]").onclick = () => done(false);
    dialog.oncancel = () => done(false);
    dialog.showModal();
  });
  return asking;
}

// Pictures, a few at a time; an <img> could not carry the token.
const pictures = new Map();
const MOST = 40;

export async function picture(id) {
  const known = pictures.get(id);
  if (known && Date.now() - known.at < 30000) return known.url;
  const answer = await ask(`picture?id=${encodeURIComponent(id)}`);
  const url = URL.createObjectURL(await answer.blob());
  if (known) URL.revokeObjectURL(known.url);
  pictures.delete(id);
  pictures.set(id, { url, at: Date.now() });
  for (const [old, entry] of pictures) {
    if (pictures.size <= MOST) break;
    URL.revokeObjectURL(entry.url);
    pictures.delete(old);
  }
  return url;
}
