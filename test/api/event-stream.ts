import { asPortal } from "./doors.ts";

export interface HeardEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface Hearing {
  readonly status: number;
  readonly headers: Headers;
  /** All that came so far. */
  readonly heard: readonly HeardEvent[];
  /** The stream as it came. */
  readonly text: () => string;
  /** Resolves with the first event, of those that came and those to come, that `wanted` takes; throws where the stream ends before. */
  until(wanted: (event: HeardEvent) => boolean): Promise<HeardEvent>;
  /** Resolves once the stream has ended, with all that came. */
  readonly ended: Promise<readonly HeardEvent[]>;
  leave(): void;
}

/** Listens to a job's events, as a client of the REST API does. `last`: the id that it comes back with. */
export async function listen(url: string, { last }: { last?: string | undefined } = {}): Promise<Hearing> {
  const leaving = new AbortController();
  const response = await fetch(url, {
    headers: { ...asPortal, accept: "text/event-stream", ...(last !== undefined && { "last-event-id": last }) },
    signal: leaving.signal,
  });
  const heard: HeardEvent[] = [];
  let text = "";
  let told = () => undefined as void;
  let isOver = false;

  const ended = (async () => {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const bytes of response.body ?? []) {
        const piece = decoder.decode(bytes, { stream: true });
        text += piece;
        const blocks = (rest + piece).split("\n\n");
        rest = blocks.pop() ?? "";
        heard.push(...blocks.flatMap(eventIn));
        told();
      }
    } catch (error) {
      if (!leaving.signal.aborted && !(error instanceof TypeError)) throw error; // a connection that was cut is an end, too
    }
    isOver = true;
    told();
    return heard;
  })();

  return {
    status: response.status,
    headers: response.headers,
    heard,
    text: () => text,
    ended,
    async until(wanted) {
      for (;;) {
        const found = heard.find(wanted);
        if (found !== undefined) return found;
        if (isOver) throw new Error(`the stream ended after ${JSON.stringify(heard)}`);
        await new Promise<void>((resolve) => (told = resolve));
      }
    },
    leave: () => leaving.abort(),
  };
}

function eventIn(block: string): HeardEvent[] {
  const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s).slice(0, 2)));
  const { id, event, data } = fields as Readonly<Record<string, string | undefined>>;
  return id === undefined || event === undefined || data === undefined ? [] : [{ id, event, data: JSON.parse(data) }];
}
