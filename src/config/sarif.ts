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
            rules: used.map((id) => ({ id, defaultConfiguration: { level: CODES[id] } })),
          },
        },
        results: diagnostics.map((diagnostic) => ({
          ruleId: diagnostic.code,
          level: diagnostic.severity,
          message: { text: sentence(diagnostic) },
          ...(diagnostic.line > 0 && { locations: [location(diagnostic, diagnostic.length)] }),
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

function location({ file, line, col }: Pick<RelatedPlace, 'file' | 'line' | 'col'>, length?: number): object {
  return {
    physicalLocation: {
      artifactLocation: { uri: file.replaceAll('\\', '/') },
      region: { startLine: line, startColumn: col, ...(length !== undefined && { endColumn: col + length }) },
    },
  };
}
