import { ofOthers } from "./index.ts";
import { tryEach } from "./short.ts";

tryEach(ofOthers);
