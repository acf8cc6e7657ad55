/**
 * The desk's only script: what stands in `[data-live]` is asked for again every few seconds, while the page is looked at.
 * A part is renewed where the server says something else than before, unless somebody is in it, or has begun to fill it in: what
 * they open or type there stays. Where that does not succeed, the page says that it is old. Without the script the pages are as of the moment they
 * were opened.
 */
export const LIVE = `"use strict";
const EVERY_MS = 2000;
const partsOf = (page) => [...page.querySelectorAll("[data-live]")];
const parts = partsOf(document);
const said = parts.map((part) => part.innerHTML);
const isTouched = (part) =>
  part.contains(document.activeElement) ||
  [...part.querySelectorAll("input")].some((it) => it.value !== it.defaultValue || it.checked !== it.defaultChecked);
async function renew() {
  if (parts.length === 0 || document.hidden) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected || answer.status === 401 || answer.status === 404) return location.reload();
  if (!answer.ok) throw new Error("not renewed");
  const fresh = partsOf(new DOMParser().parseFromString(await answer.text(), "text/html"));
  if (fresh.length !== parts.length) return location.reload();
  delete document.body.dataset.stale;
  parts.forEach((part, at) => {
    if (fresh[at].innerHTML === said[at] || isTouched(part)) return;
    said[at] = fresh[at].innerHTML;
    part.replaceChildren(...fresh[at].childNodes);
  });
}
setInterval(() => renew().catch(() => (document.body.dataset.stale = "")), EVERY_MS);
`;
