import { Readable } from "node:stream";
import type { S3ClientConfig } from "@aws-sdk/client-s3";
import { documentId } from "../../domain/document.ts";
import type { Secret } from "../../settings.ts";
import { NotStoredError, type SealedStore } from "./store.ts";

export interface S3Place {
  readonly bucket: string;
  /** Of an S3-compatible server; AWS's own of the region where absent. */
  readonly endpoint: string | undefined;
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  /** Before each document's id. */
  readonly prefix: string;
  /** Bounds each call, its body included, in milliseconds. */
  readonly deadlineMs: number;
}

/**
 * Documents as objects of an S3-compatible bucket, which several hosts share. One whose writing got no answer may still
 * come to lie there: like any that nobody fetched it is found by its age.
 *
 * A sealed document is gathered in memory before it is sent (10 MiB at most, once): its length is not known before, and
 * one PutObject is all or nothing, where a multipart upload that a crash cut off would lie there, paid for, unseen.
 */
export function s3Store({ bucket, prefix, deadlineMs, ...place }: S3Place): SealedStore {
  const opening = openClient(place);
  const object = (id: string) => ({ Bucket: bucket, Key: prefix + id });
  const within = () => ({ abortSignal: AbortSignal.timeout(deadlineMs) });

  return {
    async write(id, sealed) {
      const chunks: Buffer[] = [];
      for await (const chunk of sealed) chunks.push(chunk);
      const { sdk, client } = await opening;
      const command = new sdk.PutObjectCommand({
        ...object(id),
        Body: Buffer.concat(chunks.splice(0)), // and lets go of the chunks
        ContentType: "application/octet-stream",
      });
      await client.send(command, within());
    },

    async *read(id) {
      const { sdk, client } = await opening;
      const { Body: body } = await client
        .send(new sdk.GetObjectCommand(object(id)), within())
        .catch((error: unknown) => {
          throw error instanceof sdk.NoSuchKey ? new NotStoredError() : error;
        });
      if (!(body instanceof Readable)) throw new Error("S3 answered without a body");
      yield* body as AsyncIterable<Buffer>; // without an encoding it gives buffers
    },

    async erase(id) {
      const { sdk, client } = await opening;
      await client.send(new sdk.DeleteObjectCommand(object(id)), within());
    },

    async writtenBefore(moment) {
      const { sdk, client } = await opening;
      const old: string[] = [];
      let more: string | undefined;
      do {
        const page = await client.send(
          new sdk.ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: more }),
          within(),
        );
        for (const { Key: key = "", LastModified: written } of page.Contents ?? []) {
          const id = key.slice(prefix.length);
          if (written !== undefined && written.getTime() < moment && documentId.safeParse(id).success) old.push(id);
        }
        more = page.NextContinuationToken;
      } while (more !== undefined);
      return old;
    },
  };
}

/** Loaded only where it is used: it takes 200 ms and 35 MB. */
async function openClient(place: Pick<S3Place, "endpoint" | "region" | "accessKeyId" | "secretAccessKey">) {
  const sdk = await import("@aws-sdk/client-s3");
  return { sdk, client: new sdk.S3Client(clientSettings(place)) };
}

/** Every setting that the SDK would otherwise look up in AWS_… variables, `~/.aws` or the host's own metadata. */
function clientSettings({
  endpoint,
  region,
  accessKeyId,
  secretAccessKey,
}: Pick<S3Place, "endpoint" | "region" | "accessKeyId" | "secretAccessKey">): S3ClientConfig {
  return {
    endpoint: endpoint ?? `https://s3.${region}.amazonaws.com`,
    forcePathStyle: endpoint !== undefined, // a server of one's own has no name for each bucket
    region,
    credentials: { accessKeyId, secretAccessKey: secretAccessKey.reveal() },
    maxAttempts: 1, // the queue is the one that tries again
    retryMode: "standard",
    defaultsMode: "standard",
    useArnRegion: false,
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    disableS3ExpressSessionAuth: true,
    authSchemePreference: [],
    // Our tag proves the content; the checksums that S3 added later are not known to every compatible server.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    expectContinueHeader: false, // a server that does not know it would cost every upload six seconds
    requestHandler: { connectionTimeout: 3000 },
  };
}
