import { CODES, type DiagnosticCode } from './codes.ts';
import type { Diagnostic, RelatedPlace } from './diagnostic.ts';

/** SARIF 2.1.0, as code scanning takes it. */
export function toSarif(diagnostics: readonly Diagnostic[]): object {
  const used = (Object.keys(CODES) as DiagnosticCode[]).filter((code) => diagnostics.some((one) => one.code === code));
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'vllm-router',
            rules: used.map((id) => ({
              id,
              // Code scanning shows it as the title of the alert.
              shortDescription: { text: id.replaceAll('-', ' ') },
              defaultConfiguration: { level: CODES[id] },
            })),
          },
        },
        results: diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          level: diagnostic.severity,
          message: { text: sentence(diagnostic) },
          locations: [location(diagnostic, diagnostic.length)],
          ...(diagnostic.related && {
            relatedLocations: diagnostic.related.map((other) => ({
              ...location(other),
              message: { text: other.message },
            })),
          }),
        })),
      },
    ],
  };
}

function sentence({ path, message, hint }: Diagnostic): string {
  return `${path === '' ? '' : `${path}: `}${message}${hint === undefined ? '' : ` (${hint})`}`;
}

/** Of a flag its name; of a file as a whole no region. Code scanning refuses a result that is nowhere. */
function location(
  { file, line, col, code }: Pick<RelatedPlace, 'file' | 'line' | 'col'> & Partial<Pick<Diagnostic, 'code'>>,
  length?: number,
): object {
  if (line === 0 && code !== 'file-unreadable') return { logicalLocations: [{ fullyQualifiedName: file }] };
  const region = { startLine: line, startColumn: col, ...(length !== undefined && { endColumn: col + length }) };
  return { physicalLocation: { artifactLocation: { uri: uri(file) }, ...(line > 0 && { region }) } };
}

/** Relative paths stay so: code scanning takes them from the top of the repository. */
function uri(file: string): string {
  const path = encodeURI(file.replaceAll('\\', '/')).replace(/[?#]/g, encodeURIComponent);
  if (path.startsWith('/')) return `file://${path}`;
  return /^[A-Za-z]:\//.test(path) ? `file:///${path}` : path;
}
