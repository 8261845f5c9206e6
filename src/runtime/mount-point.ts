import { readFile, realpath } from 'node:fs/promises';

/**
 * Whether `file` itself is a mount point, as with Kubernetes' `subPath`: such a file is never updated. False where the
 * system has no mountinfo.
 */
export async function isMountPoint(file: string, mountinfo = '/proc/self/mountinfo'): Promise<boolean> {
  try {
    const [real, table] = await Promise.all([realpath(file), readFile(mountinfo, 'utf8')]);
    return table.split('\n').some((line) => decode(line.split(' ')[4] ?? '') === real);
  } catch {
    return false;
  }
}

/** The kernel writes space, tab, line break and backslash as three octal digits. */
function decode(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
