/** No descriptor left in the process or in the system, no memory for a socket's buffers. */
const CODES: readonly unknown[] = ['EMFILE', 'ENFILE', 'ENOBUFS'];

/** Whether a connect failed here, before anything was asked of the other side: that says nothing about a backend. */
export function isOwnTrouble(error: unknown): boolean {
  return CODES.includes(codeOf(error));
}

/** No packet was answered any more, or the way there is gone. */
const UNREACHABLE: readonly unknown[] = ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ENETDOWN'];

/**
 * Whether a socket's error says that the machine or the way to it is gone: a process that dies ends its connections, so that such a one
 * has not died of its requests.
 */
export function isUnreachable(error: unknown): boolean {
  return UNREACHABLE.includes(codeOf(error));
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | undefined)?.code;
}
