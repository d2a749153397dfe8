// Asks the plugin's server. Addresses are relative to the page, as TensorBoard may live below any path.

const PATIENCE = 60_000; // ms; a first map of 2,000 records takes seconds, a server that hangs must not hang the page

/** The server did not answer, or not with what the interface states. */
export class Gone extends Error {}

/** The server answered with a reason why it cannot. */
export class Refused extends Error {}

type Parameters = Record<string, string | number>;

export function address(name: string, parameters: Parameters = {}): string {
  const query = new URLSearchParams(Object.entries(parameters).map(([key, value]) => [key, String(value)])).toString();
  return `./${name}${query ? `?${query}` : ""}`;
}

/** Returns the answer to a request; throws `Refused` with the server's words, or `Gone`. */
export async function ask<Answer>(name: string, parameters: Parameters = {}): Promise<Answer> {
  let answer: Response;
  try {
    answer = await fetch(address(name, parameters), { signal: AbortSignal.timeout(PATIENCE) });
  } catch {
    throw new Gone("no answer");
  }
  let body: unknown;
  try {
    body = await answer.json();
  } catch {
    throw new Gone(`answer ${answer.status}`);
  }
  if (answer.ok) return body as Answer;
  const reason = body !== null && typeof body === "object" && "error" in body ? String(body.error) : "";
  throw new Refused(reason || `the server answered ${answer.status}`);
}
