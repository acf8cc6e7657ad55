import type { Router } from "express";
import type { Handler } from "./exchange.ts";
import { Problem } from "./problem.ts";

/** Serves `path` by one method; every other answers 405. */
export function serve(router: Router, method: "get" | "post", path: string, handler: Handler): void {
  const route = router.route(path).all(onRoute(path));
  route[method](handler);
  const allow = method === "get" ? "GET, HEAD" : "POST";
  route.all(() => {
    throw new Problem("method-not-allowed", `Use ${allow}.`, { headers: { allow } });
  });
}

/** Notes the route's pattern for the access log and the metrics. */
export function onRoute(path: string): Handler {
  return (_request, response, next) => {
    response.locals.route = path;
    next();
  };
}
