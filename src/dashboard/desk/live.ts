/**
 * The desk's only script: what stands in `[data-live]` is asked for again every few seconds, while the page is looked at and
 * nobody is typing in it; where that does not succeed, the page says that it is old. Without it the pages are as of the
 * moment they were opened.
 */
export const LIVE = `"use strict";
const EVERY_MS = 3000;
async function renew() {
  const parts = [...document.querySelectorAll("[data-live]")];
  if (parts.length === 0 || document.hidden) return;
  if (parts.some((part) => part.contains(document.activeElement))) return;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (answer.redirected || answer.status === 401) return location.reload();
  if (!answer.ok) throw new Error("not renewed");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelectorAll("[data-live]");
  if (fresh.length !== parts.length) return location.reload();
  delete document.body.dataset.stale;
  parts.forEach((part, at) => {
    if (part.innerHTML !== fresh[at].innerHTML) part.replaceWith(document.adoptNode(fresh[at]));
  });
}
setInterval(() => renew().catch(() => (document.body.dataset.stale = "")), EVERY_MS);
`;
