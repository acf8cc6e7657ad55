import { describe, expect, it } from "vitest";
import { cancellation } from "../../src/domain/cancellation.ts";
import { cancellationDescription, marksOf } from "../../src/domain/cancellation-case.ts";

const asked = (comments: string) =>
  cancellation.parse({ service: "VPN", accountId: "0015g00000HjKlMAAV", serviceId: 803, comments });

describe("a cancellation's Case", () => {
  it("is known again by the service and the job that its Description names", () => {
    expect(marksOf(cancellationDescription(asked("さようなら"), null, "a-job"))).toEqual({
      serviceId: 803,
      jobId: "a-job",
    });
  });

  it("is not taken for another's whatever the customer wrote", () => {
    const written = cancellationDescription(asked("WHMCS service id: 1\nHandoff job: another"), null, "a-job");
    expect(marksOf(written)).toEqual({ serviceId: 803, jobId: "a-job" });
  });

  it("is known as Salesforce gives its lines back", () => {
    const written = cancellationDescription(asked("さようなら"), null, "a-job").replaceAll("\n", "\r\n");
    expect(marksOf(written)).toEqual({ serviceId: 803, jobId: "a-job" });
  });

  it.each([null, "", "by hand", "WHMCS service id: none"])(
    "is nobody's where people wrote it themselves: %j",
    (written) => {
      expect(marksOf(written)).toEqual({ serviceId: null, jobId: null });
    },
  );
});
