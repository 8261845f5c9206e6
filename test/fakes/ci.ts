/** Whether this is an automatic run, as the services say it, and `.ci/run`: what is missing there is a failure and not a reason to skip. */
export function isCi(env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  return !['', '0', 'false'].includes(env['CI'] ?? '');
}
