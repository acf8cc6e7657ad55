/** Waits before the next look at what is waited for since `from` (`performance.now()`): the longer it takes, the less often. */
export async function nextLook(from: number): Promise<void> {
  const ms = Math.min(250, Math.max(10, (performance.now() - from) / 40));
  await new Promise((resolve) => setTimeout(resolve, ms));
}
