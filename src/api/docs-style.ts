/** The docs page's stylesheet: no font, image or script from anywhere else. */
export const DOCS_STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1b2330; --soft: #5a6678; --page: #fbfbfd; --card: #ffffff; --line: #e0e4eb; --code: #f3f5f9;
  --accent: #0b5cad; --post: #0a6b4b; --get: #0b5cad; --good: #0a6b4b; --bad: #a8321f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6eaf1; --soft: #9aa6b8; --page: #11151c; --card: #181e27; --line: #2b3442; --code: #0d1117;
    --accent: #7ab8ff; --post: #5fd1a5; --get: #7ab8ff; --good: #5fd1a5; --bad: #ff9a86;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.6 system-ui, -apple-system, "Segoe UI", sans-serif; }
a { color: var(--accent); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 1rem; top: 1rem; background: var(--card); padding: .5rem 1rem; z-index: 1; }
.frame { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 78rem; margin: 0 auto; }
nav { padding: 2.5rem 1rem 2.5rem 1.5rem; position: sticky; top: 0; align-self: start; max-height: 100vh; overflow-y: auto; font-size: .9rem; }
nav h2 { font-size: .75rem; letter-spacing: .08em; text-transform: uppercase; color: var(--soft); margin: 1.5rem 0 .4rem; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .2rem 0; color: var(--ink); text-decoration: none; overflow-wrap: anywhere; }
nav a:hover { color: var(--accent); text-decoration: underline; }
main { padding: 2.5rem 2rem 6rem; min-width: 0; }
h1 { font-size: 2.2rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.02em; }
.lead { font-size: 1.1rem; color: var(--soft); max-width: 44rem; margin: 0 0 1.5rem; }
h2.part { font-size: 1.4rem; margin: 3rem 0 .25rem; }
.call, .card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem 1.5rem; margin: 1.25rem 0; }
.call h3, .card h3 { margin: 0; font-size: 1.1rem; }
.address { display: flex; gap: .75rem; align-items: baseline; flex-wrap: wrap; margin: 0 0 .25rem; font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .95rem; overflow-wrap: anywhere; }
.method { font-weight: 700; font-size: .8rem; padding: .1rem .5rem; border-radius: 6px; border: 1px solid currentColor; }
.method.post { color: var(--post); } .method.get { color: var(--get); }
.open { color: var(--soft); font: .85rem system-ui, sans-serif; }
h4 { font-size: .8rem; letter-spacing: .06em; text-transform: uppercase; color: var(--soft); margin: 1.25rem 0 .4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .8rem; }
th, td { padding: .45rem .9rem .45rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td:first-child { white-space: nowrap; min-width: 9rem; }
td:nth-child(2) { min-width: 8rem; }
code, pre { font-family: ui-monospace, "SF Mono", Menlo, Consolas, monospace; font-size: .87rem; }
code { background: var(--code); padding: .1rem .35rem; border-radius: 5px; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: 8px; padding: .9rem 1rem; margin: .4rem 0; overflow-x: auto; line-height: 1.5; }
pre code { background: none; padding: 0; }
.must { color: var(--bad); font-size: .8rem; } .may { color: var(--soft); font-size: .8rem; }
.note { color: var(--soft); font-size: .88rem; }
.ok { color: var(--good); font-weight: 700; } .no { color: var(--bad); font-weight: 700; }
summary { cursor: pointer; margin-top: 1rem; color: var(--accent); }
@media (max-width: 60rem) {
  .frame { display: block; }
  nav { position: static; max-height: none; padding: 1.5rem 1rem 0; }
  main { padding: 1.5rem 1rem 4rem; }
  h1 { font-size: 1.8rem; }
}
`;
