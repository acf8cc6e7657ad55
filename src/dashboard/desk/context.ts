import type { Queue } from "bullmq";
import type { Logger } from "pino";
import type { Salesforce } from "../../integrations/salesforce/client.ts";
import type { DryRuns } from "../../queues/dry-run.ts";
import type { Connection } from "../../queues/connection.ts";
import type { FailureGroups } from "../../queues/failure-groups.ts";
import type { Finding } from "../../queues/finding.ts";
import type { AnyJobKind } from "../../queues/job-kind.ts";
import type { Intake } from "../../queues/intake.ts";
import type { Ledger } from "../../queues/ledger.ts";
import type { RetryAll } from "../../queues/retry-all.ts";
import type { Sealing } from "../../queues/sealing.ts";
import type { Audit } from "../audit.ts";
import type { StandingSources } from "./standing.ts";

/** What the desk looks at and works with. */
export interface DeskContext {
  readonly redis: Connection;
  readonly prefix: string;
  readonly ledger: Ledger;
  readonly intake: Intake;
  readonly sealing: Sealing;
  readonly groups: FailureGroups;
  readonly finding: Finding;
  readonly retryAll: RetryAll;
  readonly dryRuns: DryRuns;
  readonly audit: Audit;
  /** What Salesforce says of customers, and how that is read. */
  readonly customers: {
    readonly salesforce: Pick<Salesforce, "accountStatus">;
    readonly notEligibleValues: readonly string[];
  };
  readonly kinds: readonly AnyJobKind[];
  /** By kind's name; undefined until Redis answered for the first time. */
  readonly queues: () => ReadonlyMap<string, Queue> | undefined;
  readonly standing: StandingSources;
  /** Whose idempotency keys may be asked for. */
  readonly clients: readonly string[];
  /** Where people open records; null where that is not known here. */
  readonly salesforceUrl: string | null;
  readonly whmcsUrl: string | null;
  readonly log: Logger;
}
