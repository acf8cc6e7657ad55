/** Where the operator's desk lives, below `PUBLIC_URL`. */
export const DESK_PATH = "/desk";

/** The page of a failure group. */
export const groupUrl = (id: string) => `${DESK_PATH}/groups/${encodeURIComponent(id)}`;

/** Where Handoff is reached from outside, without a slash at its end. */
export function publicUrlOf(settings: {
  readonly PUBLIC_URL?: string | undefined;
  readonly HOST: string;
  readonly PORT: number;
}): string {
  return settings.PUBLIC_URL ?? `http://${settings.HOST}:${String(settings.PORT)}`;
}
