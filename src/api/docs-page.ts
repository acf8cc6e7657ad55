import { createHash } from "node:crypto";
import { fieldsOf, lastOf, type Schema, solidOf } from "./docs-fields.ts";
import { DOCS_STYLE } from "./docs-style.ts";
import type { Handler } from "./exchange.ts";
import type { OpenApiDocument } from "./openapi.ts";
import { problemAnchor, type ProblemSort } from "./problem.ts";
import { type Html, html, joined } from "../domain/html.ts";
import { send } from "./send.ts";

type Operation = NonNullable<NonNullable<OpenApiDocument["paths"]>[string]["post"]>;

interface Call {
  readonly method: "get" | "post";
  readonly path: string;
  readonly operation: Operation;
}

/** `GET /api/docs`: the OpenAPI description as a page, made once. Its own policy allows its own stylesheet and nothing else. */
export function docsPage(document: OpenApiDocument, problems: readonly ProblemSort[]): Handler {
  const page = Buffer.from(pageOf(document, problems).text);
  const policy = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(DOCS_STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;
  return (_request, response) => {
    send(response, { status: 200, type: "text/html; charset=utf-8", body: page, cache: "no-cache", policy });
  };
}

function pageOf(document: OpenApiDocument, problems: readonly ProblemSort[]): Html {
  const calls = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    (["post", "get"] as const).flatMap((method): Call[] => {
      const operation = item[method];
      return operation === undefined ? [] : [{ method, path, operation }];
    }),
  );
  const codes = new Set(problems.map(({ code }) => code));
  const parts = (document.tags ?? []).map(({ name, description = "" }) => ({
    name,
    description,
    calls: calls.filter(({ operation }) => operation.tags?.includes(name)),
  }));
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${document.info.title} API</title>
        ${{ text: `<style>${DOCS_STYLE}</style>` }}
      </head>
      <body>
        <a class="skip" href="#calls">Skip to the calls</a>
        <div class="frame">
          <nav aria-label="On this page">
            ${joined(
              parts.map(
                (part) =>
                  html`<h2>${part.name}</h2>
                    <ul>
                      ${joined(part.calls.map((call) => html`<li><a href="#${anchorOf(call)}">${call.operation.summary ?? call.path}</a></li>`))}
                    </ul>`,
              ),
            )}
            <h2>Reference</h2>
            <ul>
              <li><a href="#job">Job</a></li>
              <li><a href="#problems">Problems</a></li>
              <li><a href="/api/openapi.json">OpenAPI document</a></li>
            </ul>
          </nav>
          <main id="calls">
            <h1>${document.info.title} API</h1>
            <p class="lead">${document.info.description ?? ""}</p>
            ${introduction()}
            ${joined(
              parts.map(
                (part) =>
                  html`<h2 class="part">${part.name}</h2>
                    <p class="note">${part.description}</p>
                    ${joined(part.calls.map((call) => callCard(document, call, codes)))}`,
              ),
            )}
            <h2 class="part" id="job">Job</h2>
            <section class="card">
              ${schemaTable(document, { $ref: "#/components/schemas/Job" })}${jobExample(document)}
            </section>
            <h2 class="part" id="problems">Problems</h2>
            <p class="note">
              Whatever is not done is answered with <code>application/problem+json</code>: the code says what,
              <code>detail</code> why, <code>errors</code> where.
            </p>
            ${joined(
              problems.map(
                ({ code, status, title, help }) =>
                  html`<section class="card" id="${problemAnchor(code)}">
                    <h3><code>${code}</code> <span class="note">HTTP ${String(status)}</span></h3>
                    <p>${title}</p>
                    <p class="note">${inCode(help, codes)}</p>
                  </section>`,
              ),
            )}
          </main>
        </div>
      </body>
    </html> `;
}

function introduction(): Html {
  return html`<section class="card">
    <h3>How to call</h3>
    <p>
      Send JSON in UTF-8, your key as <code>Authorization: Bearer KEY</code>, and an <code>Idempotency-Key</code> of
      your own with every request that hands work in.
    </p>
    <p>
      After <span class="ok">202</span> the work is safe. After <span class="no">5xx</span>, or no answer at all, send
      the same request with the same key again: it is still done once. After <span class="no">4xx</span>, correct it
      first. Where the answer has <code>Retry-After</code>, wait as many seconds.
    </p>
  </section>`;
}

function callCard(document: OpenApiDocument, call: Call, codes: ReadonlySet<string>): Html {
  const { method, path, operation } = call;
  const open = operation.security?.length === 0;
  return html`<section class="call" id="${anchorOf(call)}">
    <p class="address">
      <span class="method ${method}">${method.toUpperCase()}</span>
      <span>${path}</span>${open ? html` <span class="open">no key</span>` : html``}
    </p>
    <h3>${operation.summary ?? ""}</h3>
    ${parameterTable(document, operation)} ${bodyOf(document, call)}
    <h4>Answers</h4>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          ${joined(Object.entries(operation.responses ?? {}).map(([status, response]) => answerRow(status, response, codes)))}
        </tbody>
      </table>
    </div>
  </section>`;
}

function answerRow(status: string, response: unknown, codes: ReadonlySet<string>): Html {
  const description = isDescribed(response) ? response.description : "";
  return html`<tr>
    <td><span class="${status.startsWith("2") ? "ok" : "no"}">${status}</span></td>
    <td>${inCode(description, codes)}</td>
  </tr>`;
}

function isDescribed(value: unknown): value is { readonly description: string } {
  return typeof value === "object" && value !== null && "description" in value && typeof value.description === "string";
}

function parameterTable(document: OpenApiDocument, { parameters = [] }: Operation): Html {
  if (parameters.length === 0) return html``;
  const rows = parameters.map((parameter) => {
    const { name, where, required, description } = parameterOf(document, parameter);
    return row(name, `${where}, ${required ? "required" : "optional"}`, description);
  });
  return html`<h4>Parameters</h4>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Where</th>
            <th scope="col">Meaning</th>
          </tr>
        </thead>
        <tbody>
          ${joined(rows)}
        </tbody>
      </table>
    </div>`;
}

function parameterOf(document: OpenApiDocument, parameter: NonNullable<Operation["parameters"]>[number]) {
  const found = "$ref" in parameter ? document.components?.parameters?.[lastOf(parameter.$ref)] : parameter;
  if (found === undefined || "$ref" in found) throw new Error("a parameter of the OpenAPI description leads nowhere");
  return { name: found.name, where: found.in, required: found.required === true, description: found.description ?? "" };
}

function bodyOf(document: OpenApiDocument, { path, operation }: Call): Html {
  const { requestBody } = operation;
  const content =
    requestBody !== undefined && "content" in requestBody ? requestBody.content["application/json"] : undefined;
  if (content === undefined || "$ref" in content || content.schema === undefined) return html``;
  const example: unknown = content.example;
  const command = `curl -i -X POST "$HANDOFF_URL${path}" \\\n  -H "Authorization: Bearer $HANDOFF_KEY" \\\n  -H "Idempotency-Key: $(uuidgen)" \\\n  -H "Content-Type: application/json" \\\n  -d '${JSON.stringify(example).replaceAll("'", String.raw`'\''`)}'`;
  return html`<h4>Body</h4>
    ${schemaTable(document, content.schema as Schema)}
    <h4>Example</h4>
    <pre tabindex="0"><code>${JSON.stringify(example, null, 2)}</code></pre>
    <details>
      <summary>As a command</summary>
      <pre tabindex="0"><code>${command}</code></pre>
    </details>`;
}

function schemaTable(document: OpenApiDocument, schema: Schema): Html {
  const rows = fieldsOf(document, schema, "").map(
    ({ path, type, required, description, example }) =>
      html`<tr>
        <td>
          <code>${path}</code
          ><br />${required ? html`<span class="must">required</span>` : html`<span class="may">optional</span>`}
        </td>
        <td>${type}</td>
        <td>
          ${description} ${example === null ? html`` : html`<span class="note">e.g. <code>${example}</code></span>`}
        </td>
      </tr>`,
  );
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Type</th>
          <th scope="col">Meaning</th>
        </tr>
      </thead>
      <tbody>
        ${joined(rows)}
      </tbody>
    </table>
  </div>`;
}

function jobExample(document: OpenApiDocument): Html {
  const [example] = solidOf(document, { $ref: "#/components/schemas/Job" }).examples ?? [];
  return example === undefined
    ? html``
    : html`<h4>Example</h4>
        <pre tabindex="0"><code>${JSON.stringify(example, null, 2)}</code></pre>`;
}

function row(...cells: readonly string[]): Html {
  return html`<tr>
    ${joined(cells.map((cell, at) => (at === 0 ? html`<td><code>${cell}</code></td>` : html`<td>${cell}</td>`)))}
  </tr>`;
}

/** Text where `words` stand in back quotes, as code; a problem's code leads to its explanation. */
function inCode(text: string, codes: ReadonlySet<string>): Html {
  return joined(
    text.split("`").map((piece, at) => {
      if (at % 2 === 0) return html`${piece}`;
      return codes.has(piece)
        ? html`<a href="#${problemAnchor(piece)}"><code>${piece}</code></a>`
        : html`<code>${piece}</code>`;
    }),
  );
}

const anchorOf = ({ operation, path }: Call) => operation.operationId ?? path;
