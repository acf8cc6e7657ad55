import { ofWorkers } from "./index.ts";
import { tryEach } from "./short.ts";

tryEach(ofWorkers);
