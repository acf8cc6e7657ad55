/** What the stand-in uses of fengari, which brings no types of its own. */
declare module "fengari" {
  /** A Lua state. */
  interface State {
    readonly l_G: unknown;
  }
  type LuaString = Uint8Array;
  const fengari: {
    readonly lua: {
      readonly LUA_REGISTRYINDEX: number;
      readonly LUA_TNIL: number;
      readonly LUA_TBOOLEAN: number;
      readonly LUA_TNUMBER: number;
      readonly LUA_TSTRING: number;
      readonly LUA_TTABLE: number;
      readonly lua_createtable: (state: State, items: number, fields: number) => void;
      readonly lua_error: (state: State) => never;
      readonly lua_getfield: (state: State, at: number, name: LuaString) => number;
      readonly lua_gettop: (state: State) => number;
      readonly lua_next: (state: State, at: number) => number;
      readonly lua_pcall: (state: State, args: number, results: number, handler: number) => number;
      readonly lua_pop: (state: State, count: number) => void;
      readonly lua_pushboolean: (state: State, value: boolean) => void;
      readonly lua_pushcfunction: (state: State, run: (state: State) => number) => void;
      readonly lua_pushnil: (state: State) => void;
      readonly lua_pushnumber: (state: State, value: number) => void;
      readonly lua_pushstring: (state: State, value: LuaString) => void;
      readonly lua_rawgeti: (state: State, at: number, index: number) => number;
      readonly lua_rawseti: (state: State, at: number, index: number) => void;
      readonly lua_setfield: (state: State, at: number, name: LuaString) => void;
      readonly lua_setglobal: (state: State, name: LuaString) => void;
      readonly lua_settop: (state: State, top: number) => void;
      readonly lua_toboolean: (state: State, at: number) => boolean;
      readonly lua_tonumber: (state: State, at: number) => number;
      readonly lua_tostring: (state: State, at: number) => LuaString;
      readonly lua_type: (state: State, at: number) => number;
    };
    readonly lauxlib: {
      readonly luaL_loadstring: (state: State, source: LuaString) => number;
      readonly luaL_newstate: () => State;
      readonly luaL_ref: (state: State, table: number) => number;
    };
    readonly lualib: { readonly luaL_openlibs: (state: State) => void };
  };
  export type { State };
  export default fengari;
}
