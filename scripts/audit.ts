import { spawnSync } from 'node:child_process';

/**
 * Known vulnerabilities of what the package installs. Fails on high and critical ones; a registry that does not answer, or has no
 * advisories, is said and is no failure: it says nothing about us.
 */
interface AuditReport {
  readonly metadata?: { readonly vulnerabilities?: Readonly<Record<string, number>> };
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string; readonly range: string }>>;
  readonly statusCode?: number;
}

const { stdout } = spawnSync('npm', ['audit', '--omit=dev', '--json'], { encoding: 'utf8', timeout: 60_000 });
const report = parse(stdout ?? '');
const counts = report.metadata?.vulnerabilities;
if (counts === undefined) {
  console.log(`no audit: the registry ${report.statusCode ? `answered ${report.statusCode}` : 'did not answer'}`);
} else {
  const grave = (counts['high'] ?? 0) + (counts['critical'] ?? 0);
  for (const [name, { severity, range }] of Object.entries(report.vulnerabilities ?? {})) {
    console.log(`${severity}: ${name} ${range}`);
  }
  console.log(`${counts['total'] ?? 0} known vulnerabilities, ${grave} of them high or critical`);
  process.exitCode = grave > 0 ? 1 : 0;
}

function parse(text: string): AuditReport {
  try {
    return JSON.parse(text) as AuditReport;
  } catch {
    return {};
  }
}
