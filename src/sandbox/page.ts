import express from "express";
import type { Router } from "express";
import type { World } from "./world.ts";

export function pageRoutes(_world: World): Router {
  const routes = express.Router();
  return routes;
}
