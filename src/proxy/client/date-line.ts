let line = '';
let until = 0;

/** `Date: …` with its line break; made once a second, as `node:http` does. */
export function dateLine(): string {
  const now = Date.now();
  // A clock that was set back must not keep the old one for hours.
  if (now >= until || now < until - 1_000) {
    until = now - (now % 1_000) + 1_000;
    line = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return line;
}
