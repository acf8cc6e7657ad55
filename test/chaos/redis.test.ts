import { ofRedis } from "./index.ts";
import { tryEach } from "./short.ts";

tryEach(ofRedis);
