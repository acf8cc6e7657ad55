/** The page's only style sheet: system fonts, light and dark, no outside files. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1d2433; --soft: #667085; --line: #e3e7ee; --paper: #f6f7f9; --card: #fff; --accent: #2456c8; --good: #15803d; --wait: #b45309; --bad: #b91c1c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2c3341; --paper: #12151c; --card: #1a1e27; --accent: #84a9ff; --good: #4ade80; --wait: #fbbf24; --bad: #f87171; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 14px/1.45 system-ui, -apple-system, "Segoe UI", "Hiragino Sans", "Noto Sans CJK JP", "Noto Sans JP", sans-serif; }
header, main { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 28px; display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: baseline; justify-content: space-between; }
h1 { font-size: 22px; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 15px; margin: 0; }
p { margin: 4px 0; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; margin: 18px 0; overflow: hidden; }
section > h2, section > .bar { padding: 12px 16px; border-bottom: 1px solid var(--line); }
.bar { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; justify-content: space-between; }
.count { color: var(--soft); font-weight: 400; margin-left: 6px; }
.wide { overflow-x: auto; max-height: 460px; overflow-y: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 7px 16px; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
td.text { white-space: normal; min-width: 180px; }
th { position: sticky; top: 0; background: var(--card); color: var(--soft); font-weight: 500; font-size: 12px; }
tr:last-child td { border-bottom: 0; }
code, .id { font: 12px/1.4 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.id, .soft { color: var(--soft); }
.empty { padding: 14px 16px; color: var(--soft); margin: 0; }
.good { color: var(--good); } .wait { color: var(--wait); } .bad { color: var(--bad); }
button { font: inherit; font-size: 13px; color: var(--accent); background: none; border: 1px solid currentColor; border-radius: 6px; padding: 2px 10px; cursor: pointer; }
button:hover { background: color-mix(in srgb, var(--accent) 12%, transparent); }
td button, td input, td select { margin: -3px 0; padding: 1px 8px; }
form.fault { display: flex; flex-wrap: wrap; gap: 10px 12px; align-items: end; padding: 14px 16px; }
label { display: grid; gap: 3px; font-size: 12px; color: var(--soft); }
input, select { font: inherit; font-size: 13px; color: var(--ink); background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 4px 8px; }
input[type=number] { width: 84px; }
select[name=mode] { max-width: 220px; }
form.inline { display: inline; }
footer { max-width: 1180px; margin: 0 auto; padding: 4px 24px 32px; }
`;
