import { html, type Html, joined } from "../domain/html.ts";
import { HIDDEN } from "../queues/plan.ts";
import type { DashboardRole } from "../settings.ts";

/** What of Bull Board's answers a person gets to see. */

const SEALED_VALUE = /sealed:v\d+:[\w+/=.:~-]*/g;

/**
 * `value`, as JSON has it, for people's eyes:
 *
 * - Sealed strings are masked, whole values and those that a longer text quotes. Nobody could read them, and nobody needs to see them.
 * - Stack traces are left out: where there is none, Bull Board shows the reason in plain words, and programmers have the log.
 */
export function asShown(value: unknown): unknown {
  if (typeof value === "string") return value.startsWith("sealed:v") ? HIDDEN : value.replace(SEALED_VALUE, HIDDEN);
  if (Array.isArray(value)) return value.map(asShown);
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, name === "stacktrace" ? [] : asShown(inner)]),
    );
  }
  return value;
}

/** The list of queues without buttons that would be refused: all of a viewer's, and for everybody those that run again what completed. */
export function withoutButtons(queues: readonly object[], role: DashboardRole): readonly object[] {
  const readOnly = role === "viewer" ? { readOnlyMode: true, allowRetries: false } : {};
  return queues.map((queue) => ({ ...queue, allowCompletedRetries: false, ...readOnly }));
}

const FONT_LINK = /<link[^>]*href="https?:[^>]*>/g;

/**
 * Hides the link to Bull Board's releases, a job's buttons but the one that retries (the first of a failed job's four),
 * and the one that removes all jobs of a list (the last). The server refuses them anyway: should a new Bull Board name its
 * classes otherwise, they only show again.
 */
const STYLE = `<style>
a[href^="https://github.com/felixmosh/"] { display: none !important; }
ul[class^="jobActions-"] > li:not(:first-child:nth-last-child(4)),
ul[class^="queueActions-"] > li:last-child { display: none; }
</style>`;

/**
 * Bull Board's page without the font stylesheet of another host (it reads as well in the system's font), and with
 * `warnings` on top.
 */
export function homely(page: string, warnings: readonly string[] = []): string {
  const own = page.replace(FONT_LINK, STYLE);
  return warnings.length === 0 ? own : own.replace(/<body[^>]*>/, (body) => body + banner(warnings).text);
}

/** Bull Board's header and menu are fixed to the window; contained in `#root`, they leave the banner its place. */
const BANNER_STYLE: Html = {
  text: `<style>
body { display: flex; flex-direction: column; height: 100vh; margin: 0; overflow: hidden; }
#root { flex: 1; min-height: 0; transform: translateZ(0); }
#root main { height: calc(100% - var(--header-offset)); margin-top: var(--header-offset); padding-top: 0;
  box-sizing: border-box; overflow: auto; }
#root main > * { --header-offset: 0px; }
.handoff-warnings { max-height: 30vh; overflow: auto; padding: 0.6rem 1rem; background: #fff4d6; color: #5a3d00;
  border-bottom: 1px solid #e0b84c; font: 0.9rem/1.45 system-ui, sans-serif; }
.handoff-warnings ul { margin: 0.3rem 0 0; padding-left: 1.2rem; list-style: disc; }
</style>`,
};

function banner(warnings: readonly string[]): Html {
  const lines = joined(warnings.map((warning) => html`<li>${warning}</li>`));
  return html`${BANNER_STYLE}
    <section class="handoff-warnings" aria-label="Warnings">
      <strong>To be mended before work breaks on it</strong>
      <ul>
        ${lines}
      </ul>
    </section>`;
}
