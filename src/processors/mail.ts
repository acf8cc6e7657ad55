import * as z from "zod";
import { letter } from "../domain/letter.ts";
import type { Mail } from "../integrations/mail/client.ts";
import type { Letters } from "../integrations/mail/letters.ts";
import { defineJobKind } from "../queues/job-kind.ts";

interface Services {
  readonly mail: Mail;
  readonly letters: Letters;
}

const payload = z.strictObject({
  /** Names this mail among all: the job that handed it on, and to whom it goes. The Message-ID follows from it. */
  key: z.string().regex(/^[\w.-]+(?: [\w.-]+)*$/, "must be words of letters, digits, dots and hyphens"),
  letter,
});

/** One letter to one recipient: each is retried by itself, and none undoes what it tells of (`spec/rules.md`, Cancellation). */
export const mail = defineJobKind({
  name: "mail",
  purpose: "One mail to one recipient",
  payload,
  key: ({ key }) => key,
  // A job that runs again may put it in other words (a failure's): it is the same mail.
  asked: ({ key }) => key,
  routes: [],

  async run({ key, letter }, step, { mail, letters }: Services) {
    // SMTP never tells two mails apart, and no server can be asked: the same Message-ID lets mail programs show one.
    await step("send", "repeat", async () => {
      await mail.send(letters.render(letter, key));
      return true;
    });
    return { outcome: "done", result: {} };
  },
});
