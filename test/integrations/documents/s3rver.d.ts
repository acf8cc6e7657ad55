/** The part of s3rver that the tests use; it has no types of its own. */
declare module "s3rver" {
  import type { Server } from "node:http";
  import type { AddressInfo } from "node:net";

  export default class S3rver {
    constructor(options: {
      readonly address: string;
      readonly port: number;
      readonly silent: boolean;
      readonly directory: string;
      readonly configureBuckets: readonly { readonly name: string }[];
    });
    readonly httpServer: Server;
    readonly store: {
      /** `size` in bytes. Its promise is kept once all is read, while the file is still being written. */
      putObject(object: { readonly bucket: string; readonly key: string }): Promise<{ readonly size: number }>;
      getResourcePath(bucket: string, key: string, resource: "object"): string;
    };
    run(): Promise<AddressInfo>;
    close(): Promise<void>;
  }
}
