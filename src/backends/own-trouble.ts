/** No descriptor left in the process or in the system, no memory for a socket's buffers. */
const CODES: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOBUFS'];

/** Whether a connect failed here, before anything was asked of the other side: that says nothing about a backend. */
export function isOwnTrouble(error: unknown): boolean {
  return CODES.includes((error as { code?: unknown } | undefined)?.code);
}
