import { createHash } from "node:crypto";
import type { Connection } from "./connection.ts";

/** A Lua script: one atomic call to Redis. */
export type Script = (
  redis: Connection,
  keys: readonly string[],
  args: readonly (string | number)[],
) => Promise<unknown>;

/** Clock and identity of Redis itself, so that no two hosts' clocks need to agree. Every script begins with these. */
const PRELUDE = `
if redis.replicate_commands then redis.replicate_commands() end
local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function run_id()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') or 'unknown'
end
`;

/** A script that is always sent whole. One that is sent by its digest may fail for being unknown and come again later. */
export function wholeScript(lua: string): Script {
  return async (redis, keys, args) => await redis.eval(PRELUDE + lua, keys.length, ...keys, ...args);
}

/** A script that is sent by its digest, once Redis knows it. */
export function script(lua: string): Script {
  const source = PRELUDE + lua;
  const sha = createHash("sha1").update(source).digest("hex");
  return async (redis, keys, args) => {
    try {
      return await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return await redis.eval(source, keys.length, ...keys, ...args);
    }
  };
}
