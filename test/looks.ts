/**
 * Waits between looks at what is waited for since `from` (`performance.now()`), not instead of them: the longer it takes the less
 * often, as many looks at once would make it take longer. What is seen so is late by a fortieth, from 10 ms to 250.
 */
export async function nextLook(from: number): Promise<void> {
  const ms = Math.min(250, Math.max(10, (performance.now() - from) / 40));
  await new Promise((resolve) => setTimeout(resolve, ms));
}
