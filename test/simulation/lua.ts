import fengari, { type State } from "fengari";

const { lua, lauxlib, lualib } = fengari;

/** An answer in Redis's protocol, as far as our scripts meet it. */
export type Reply = string | number | null | readonly Reply[] | { readonly status: string };

/** A command that Redis refuses; its message begins with Redis's own code. */
export class RedisError extends Error {}

/** `redis.call`. */
export type Call = (command: string, args: readonly string[]) => Reply;

/**
 * Runs a script as Redis runs it. Redis has Lua 5.1 and fengari is 5.3: what our scripts notice of that is levelled here, and
 * the contract test holds the outcome to a real Redis.
 */
export function runScript(source: string, keys: readonly string[], args: readonly string[], call: Call): Reply {
  calling = call;
  const bottom = lua.lua_gettop(state);
  try {
    setGlobal("KEYS", keys);
    setGlobal("ARGV", args);
    lua.lua_rawgeti(state, lua.LUA_REGISTRYINDEX, compiled(source));
    if (lua.lua_pcall(state, 0, 1, 0) !== 0) throw new RedisError(errorAt(-1));
    return replyAt(-1);
  } finally {
    lua.lua_settop(state, bottom);
  }
}

/** In 5.1 every number is a double, and prints as one of 14 digits. */
const LEVELLED = `
local plain = tostring
function tostring(value)
  if math.type(value) == 'float' then return string.format('%.14g', value) end
  return plain(value)
end
unpack = table.unpack
`;

let calling: Call = () => null;
const references = new Map<string, number>();
const names = new Map<string, Uint8Array>();
const state = opened();

function opened(): State {
  const state = lauxlib.luaL_newstate();
  lualib.luaL_openlibs(state);
  if (lauxlib.luaL_loadstring(state, bytesOf(LEVELLED)) !== 0 || lua.lua_pcall(state, 0, 0, 0) !== 0)
    throw new Error("Lua does not start");
  library(state, "redis", { call: redisCall, replicate_commands: () => 0 });
  library(state, "cjson", { encode, decode });
  return state;
}

function library(state: State, name: string, functions: Readonly<Record<string, (state: State) => number>>): void {
  lua.lua_createtable(state, 0, 2);
  for (const [name, run] of Object.entries(functions)) {
    lua.lua_pushcfunction(state, run);
    lua.lua_setfield(state, -2, nameOf(name));
  }
  lua.lua_setglobal(state, nameOf(name));
}

function compiled(source: string): number {
  let reference = references.get(source);
  if (reference === undefined) {
    if (lauxlib.luaL_loadstring(state, bytesOf(source)) !== 0) throw new RedisError(errorAt(-1));
    reference = lauxlib.luaL_ref(state, lua.LUA_REGISTRYINDEX);
    references.set(source, reference);
  }
  return reference;
}

/** The names of commands and fields come again and again. */
function nameOf(text: string): Uint8Array {
  let name = names.get(text);
  if (name === undefined) names.set(text, (name = bytesOf(text)));
  return name;
}

/** fengari's own ways from text to bytes and back take several times as long. */
function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString();
}

function setGlobal(name: string, values: readonly string[]): void {
  push(state, values);
  lua.lua_setglobal(state, nameOf(name));
}

function redisCall(state: State): number {
  const [command = "", ...args] = Array.from({ length: lua.lua_gettop(state) }, (_, at) => argumentAt(state, at + 1));
  try {
    push(state, calling(command.toUpperCase(), args));
    return 1;
  } catch (error) {
    if (!(error instanceof RedisError)) throw error;
    push(state, error.message); // what Redis 7 gives to a script's pcall
    return lua.lua_error(state);
  }
}

/** Redis prints numbers with 17 digits. */
function argumentAt(state: State, at: number): string {
  const type = lua.lua_type(state, at);
  if (type === lua.LUA_TNUMBER) {
    const number = lua.lua_tonumber(state, at);
    return Number.isSafeInteger(number) ? String(number) : String(Number(number.toPrecision(17)));
  }
  if (type === lua.LUA_TSTRING) return textOf(lua.lua_tostring(state, at));
  throw new RedisError("ERR Lua redis lib command arguments must be strings or integers");
}

function push(state: State, value: Reply): void {
  if (value === null) lua.lua_pushboolean(state, false);
  else if (typeof value === "string") lua.lua_pushstring(state, bytesOf(value));
  else if (typeof value === "number") lua.lua_pushnumber(state, value);
  else if (Array.isArray(value)) {
    lua.lua_createtable(state, value.length, 0);
    for (const [at, item] of value.entries()) {
      push(state, item);
      lua.lua_rawseti(state, -2, at + 1);
    }
  } else if ("status" in value) {
    lua.lua_createtable(state, 0, 1);
    push(state, value.status);
    lua.lua_setfield(state, -2, nameOf("ok"));
  }
}

/** What a script gives, as Redis sends it: numbers are cut, a list ends at the first nil. */
function replyAt(at: number): Reply {
  switch (lua.lua_type(state, at)) {
    case lua.LUA_TSTRING:
      return textOf(lua.lua_tostring(state, at));
    case lua.LUA_TNUMBER:
      return Math.trunc(lua.lua_tonumber(state, at));
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(state, at) ? 1 : null;
    case lua.LUA_TTABLE:
      return tableReply();
    default:
      return null;
  }
}

function tableReply(): Reply {
  const status = fieldOf("ok");
  if (status !== null) return { status };
  const items: Reply[] = [];
  for (let index = 1; lua.lua_rawgeti(state, -1, index) !== lua.LUA_TNIL; index++) {
    items.push(replyAt(-1));
    lua.lua_pop(state, 1);
  }
  lua.lua_pop(state, 1);
  return items;
}

/** The text in a field of the table on top. */
function fieldOf(name: string): string | null {
  const type = lua.lua_getfield(state, -1, nameOf(name));
  const text = type === lua.LUA_TSTRING ? textOf(lua.lua_tostring(state, -1)) : null;
  lua.lua_pop(state, 1);
  return text;
}

function errorAt(at: number): string {
  const message = textOf(lua.lua_tostring(state, at));
  return /^[A-Z]+ /.test(message) ? message : `ERR ${message}`;
}

/** cjson, for what a step is: one flat object. In the order of its names, where Redis's order is any. */
function encode(state: State): number {
  const fields: [string, unknown][] = [];
  lua.lua_pushnil(state);
  while (lua.lua_next(state, 1) !== 0) {
    fields.push([textOf(lua.lua_tostring(state, -2)), flatAt(state)]);
    lua.lua_pop(state, 1);
  }
  const inOrder = fields.toSorted(([one], [other]) => (one < other ? -1 : 1));
  push(state, JSON.stringify(Object.fromEntries(inOrder)));
  return 1;
}

function flatAt(state: State): unknown {
  switch (lua.lua_type(state, -1)) {
    case lua.LUA_TSTRING:
      return textOf(lua.lua_tostring(state, -1));
    case lua.LUA_TNUMBER:
      return Number(lua.lua_tonumber(state, -1).toPrecision(14));
    case lua.LUA_TBOOLEAN:
      return lua.lua_toboolean(state, -1);
    default:
      throw new Error("the stand-in's cjson knows flat objects only");
  }
}

function decode(state: State): number {
  const value: unknown = JSON.parse(textOf(lua.lua_tostring(state, 1)));
  if (typeof value !== "object" || value === null) throw new Error("the stand-in's cjson knows flat objects only");
  lua.lua_createtable(state, 0, 8);
  for (const [name, field] of Object.entries(value)) {
    if (typeof field === "boolean") lua.lua_pushboolean(state, field);
    else if (typeof field === "string" || typeof field === "number") push(state, field);
    else throw new Error("the stand-in's cjson knows flat objects only");
    lua.lua_setfield(state, -2, nameOf(name));
  }
  return 1;
}
