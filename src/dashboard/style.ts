/** The one stylesheet of our own pages: light and dark after the reader's system, and no font or picture from elsewhere. */
export const STYLE = `
:root {
  color-scheme: light dark;
  --ground: #f4f6f8; --card: #ffffff; --edge: #d7dde4; --text: #1b242e; --muted: #566473;
  --accent: #0f6b5c; --accent-strong: #0a5347; --on-accent: #ffffff;
  --bad-ground: #fdeeec; --bad-edge: #e9b3ad; --bad: #8d1f16;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #11161b; --card: #1a2128; --edge: #323d48; --text: #e6ecf1; --muted: #a0adba;
    --accent: #5fcbb5; --accent-strong: #86dccb; --on-accent: #08231e;
    --bad-ground: #361a18; --bad-edge: #6d322d; --bad: #ffb9b1;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; min-height: 100dvh; display: flex; flex-direction: column;
  background: var(--ground); color: var(--text);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Hiragino Sans", "Noto Sans JP", sans-serif;
}
header { display: flex; align-items: center; gap: 1rem; padding: 1.1rem clamp(1rem, 4vw, 2rem); }
.brand { display: inline-flex; align-items: center; gap: .55rem; color: var(--text); font-weight: 650; letter-spacing: -.01em; text-decoration: none; }
.brand svg { width: 1.6rem; height: 1.6rem; color: var(--accent); }
.who { margin-left: auto; color: var(--muted); font-size: .9rem; }
main { flex: 1; width: 100%; max-width: 26rem; margin: clamp(1rem, 9vh, 6rem) auto 3rem; padding: 0 1rem; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: .9rem; padding: clamp(1.4rem, 5vw, 2.1rem); box-shadow: 0 1px 2px rgb(0 0 0 / .04), 0 12px 32px -16px rgb(0 0 0 / .18); }
h1 { margin: 0 0 .35rem; font-size: 1.45rem; line-height: 1.25; letter-spacing: -.015em; }
p { margin: 0 0 1rem; }
.muted { color: var(--muted); }
.card > :last-child { margin-bottom: 0; }
form { display: grid; gap: 1.05rem; margin-top: 1.4rem; }
label { display: grid; gap: .35rem; font-weight: 550; font-size: .93rem; }
input { width: 100%; min-height: 2.85rem; padding: .55rem .75rem; font: inherit; font-weight: 400; color: inherit; background: var(--ground); border: 1px solid var(--muted); border-radius: .55rem; }
::placeholder { color: var(--muted); opacity: 1; }
button, .button { display: inline-block; min-height: 2.85rem; padding: .6rem 1.2rem; border: 0; border-radius: .55rem; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
.button { padding-block: .75rem; line-height: 1.35; text-align: center; text-decoration: none; overflow-wrap: anywhere; }
.instead { display: grid; margin-top: 1.4rem; }
.or { margin: 1.4rem 0 -.4rem; color: var(--muted); font-size: .93rem; text-align: center; }
button:hover, .button:hover { background: var(--accent-strong); }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[role=alert] { margin: 1.2rem 0 0; padding: .7rem .9rem; border: 1px solid var(--bad-edge); border-radius: .55rem; background: var(--bad-ground); color: var(--bad); }
.below { margin-top: 1.2rem; }
.pulse { display: inline-block; width: .65rem; height: .65rem; margin-right: .5rem; border-radius: 50%; background: var(--accent); animation: pulse 1.8s ease-in-out infinite; }
@keyframes pulse { 50% { opacity: .25; } }
@media (prefers-reduced-motion: reduce) { .pulse { animation: none; } }
.desk[data-stale]::before { content: attr(data-when-stale); padding: .7rem clamp(1rem, 4vw, 2rem); background: var(--bad-ground); color: var(--bad); border-bottom: 1px solid var(--bad-edge); font-weight: 600; }
.desk main { max-width: 72rem; margin-top: 1rem; }
.desk header { flex-wrap: wrap; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.1rem; }
nav a { color: var(--text); text-decoration: none; padding: .35rem 0; }
nav a:hover, nav a[aria-current] { text-decoration: underline; text-decoration-thickness: 2px; text-underline-offset: .35em; text-decoration-color: var(--accent); }
.desk h1 { margin-bottom: .6rem; font-size: 1.6rem; overflow-wrap: anywhere; }
.desk h2 { margin: 1.8rem 0 .6rem; font-size: 1.1rem; }
.desk h3 { margin: 1.2rem 0 .3rem; font-size: 1rem; }
.desk section { margin: 1.2rem 0; padding: 1rem 1.2rem; border: 1px solid var(--edge); border-radius: .7rem; background: var(--card); }
.desk section > :first-child { margin-top: 0; }
.desk section > :last-child { margin-bottom: 0; }
.desk .failure, .desk .warnings { border-left: .35rem solid var(--bad-edge); }
.well { padding: 1rem 1.2rem; border: 1px solid var(--edge); border-left: .35rem solid var(--accent); border-radius: .7rem; background: var(--card); }
.groups { list-style: none; margin: 0; padding: 0; display: grid; gap: .6rem; }
.groups li { padding: .85rem 1.1rem; border: 1px solid var(--edge); border-left: .35rem solid var(--bad-edge); border-radius: .7rem; background: var(--card); }
.groups p { margin: .25rem 0 0; font-size: .92rem; }
.wide { overflow-x: auto; border: 1px solid var(--edge); border-radius: .7rem; background: var(--card); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .55rem .9rem; text-align: left; vertical-align: top; border-bottom: 1px solid var(--edge); }
tbody tr:last-child > * { border-bottom: 0; }
thead th { color: var(--muted); font-size: .85rem; font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 550; }
time, .nowrap { white-space: nowrap; }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--accent); }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.2rem; margin: 1rem 0; }
dt { color: var(--muted); }
dd { margin: 0; }
.action { max-width: 40rem; margin: 1.2rem 0; padding: 1rem 1.2rem; border: 1px solid var(--edge); border-radius: .7rem; background: var(--card); gap: .8rem; }
.action p, .action h2 { margin: 0; }
.choice { display: flex; align-items: center; gap: .6rem; }
.choice input { width: 1.2rem; min-height: 1.2rem; }
select { min-height: 2.85rem; padding: .55rem .75rem; font: inherit; font-weight: 400; color: inherit; background: var(--ground); border: 1px solid var(--muted); border-radius: .55rem; }
.buttons { display: flex; flex-wrap: wrap; gap: .7rem; }
button.quiet { background: transparent; color: var(--accent); border: 1px solid var(--accent); }
button.quiet:hover { background: var(--ground); }
details { margin: 1rem 0; }
summary { cursor: pointer; color: var(--accent); font-weight: 550; }
.find { max-width: 40rem; gap: .6rem; margin-bottom: 1.4rem; }
.find button { justify-self: start; }
form + .wide, .wide + p { margin-top: 1.4rem; }
.story { list-style: none; margin: 0; padding: 0; }
.story li { display: grid; grid-template-columns: 13.5rem 1fr; gap: .2rem 1rem; padding: .45rem 0; border-bottom: 1px solid var(--edge); }
.story ul { margin: .2rem 0 0; padding-left: 1.1rem; font-size: .9rem; }
.story ul li { display: list-item; padding: 0; border: 0; }
.story time { color: var(--muted); font-variant-numeric: tabular-nums; }
h1, h2, h3 { overflow-wrap: anywhere; }
pre + p { margin-top: 1rem; }
pre { margin: 0; padding: .9rem 1.1rem; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--edge); border-radius: .7rem; background: var(--card); font-size: .9rem; }
progress { width: 100%; max-width: 40rem; height: .8rem; accent-color: var(--accent); }
.pages { display: flex; gap: 1.2rem; margin-top: 1rem; }
@media (max-width: 36rem) {
  .desk header { gap: .4rem 1rem; }
  nav { order: 1; width: 100%; }
  th, td { padding-inline: .65rem; }
  tbody th a { display: block; max-width: 9ch; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .story li, dl { grid-template-columns: 1fr; }
  dd { margin-bottom: .6rem; }
}
`;
