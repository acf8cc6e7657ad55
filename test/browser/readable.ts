import type { Page } from "playwright-core";

/**
 * What keeps people from reading and using the page as it stands, in words: those who see badly, who have no mouse, who
 * listen to it, who hold it in one hand.
 */
export async function obstacles(page: Page): Promise<string[]> {
  return await page.evaluate<string[]>(LOOK);
}

/** The least contrast of text that WCAG 2.2 lets pass as AA. */
const LEAST_CONTRAST = 4.5;

/** Runs in the page. */
const LOOK = `(() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const text = (node) => node.textContent.trim().slice(0, 40);

  if (!["en", "ja"].includes(document.documentElement.lang)) faults.push("no language");
  if (document.title === "") faults.push("no title");
  if (all("main").length !== 1) faults.push("not one main part");
  const levels = all("h1, h2, h3, h4").map((heading) => Number(heading.tagName[1]));
  if (levels.filter((level) => level === 1).length !== 1) faults.push("not one h1");
  levels.forEach((level, at) => { if (level > (levels[at - 1] ?? 0) + 1) faults.push("a heading skips a level: " + levels); });
  for (const field of all("input:not([type=hidden]), select, textarea"))
    if (![...field.labels].some((label) => text(label) !== "")) faults.push("nobody knows what goes into " + field.name);
  for (const one of all("a, button, summary")) if (text(one) === "") faults.push("a nameless " + one.tagName);
  for (const bar of all("progress")) if (!bar.getAttribute("aria-label")) faults.push("a nameless progress");
  for (const table of all("table"))
    if (!table.querySelector("thead th[scope=col]") || !table.querySelector("tbody th[scope=row]")) faults.push("a table without heads");
  const ids = all("[id]").map(({ id }) => id);
  if (new Set(ids).size < ids.length) faults.push("an id twice");
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
  for (const box of all("pre, section, form, p"))
    if (box.scrollWidth > box.clientWidth && getComputedStyle(box).display !== "inline") faults.push("it runs out of its box: " + text(box));

  const rgb = (color) => color.match(/[\\d.]+/g).map(Number);
  const ground = (node) => {
    for (let at = node; at !== null; at = at.parentElement) {
      const [red, green, blue, alpha = 1] = rgb(getComputedStyle(at).backgroundColor);
      if (alpha > 0) return [red, green, blue];
    }
    return [255, 255, 255];
  };
  const light = (parts) => {
    const [red, green, blue] = parts.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const legible = (what, color, node) => {
    const [one, other] = [light(rgb(color)), light(ground(node))];
    const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (contrast < ${LEAST_CONTRAST}) faults.push(what + " has a contrast of " + contrast.toFixed(2));
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { currentNode: { parentElement: parent, textContent } } = texts;
    if (textContent.trim() !== "" && parent.checkVisibility()) legible(textContent.trim().slice(0, 40), getComputedStyle(parent).color, parent);
  }
  for (const field of all("input:not([type=hidden]), select")) {
    legible("what is typed", getComputedStyle(field).color, field);
    legible("a placeholder", getComputedStyle(field, "::placeholder").color, field);
  }
  return faults;
})()`;
