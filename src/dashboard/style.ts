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
`;
