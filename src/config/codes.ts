import type { Severity } from './diagnostic.ts';

/**
 * Every diagnostic there is. A code is never reused for something else; `docs/diagnostics.md` explains each, and a test
 * holds the two together.
 */
export const CODES = {
  'yaml-syntax': 'error',
  'file-too-large': 'error',
  'file-unreadable': 'error',
  'empty-file': 'error',
  'too-complex': 'error',
  'duplicate-key': 'error',
  'bad-key': 'error',
  'unset-variable': 'error',
  'bad-expansion': 'error',
  'bad-flag': 'error',
  'unknown-key': 'error',
  'missing-key': 'error',
  'wrong-type': 'error',
  'missing-unit': 'error',
  'bad-value': 'error',
  'bad-name': 'error',
  'out-of-range': 'error',
  'conflicting-keys': 'error',
  'duplicate-item': 'error',
  'refused-setting': 'error',
  'unknown-reference': 'error',
  'duplicate-route': 'error',
  'duplicate-backend': 'error',
  'fallback-loop': 'error',
  'alias-loop': 'error',
  'bind-conflict': 'error',
  'bad-url': 'error',
  'secret-unreadable': 'error',
  'file-unavailable': 'error',
  'setting-without-effect': 'warning',
  'plaintext-secret': 'warning',
  'url-with-api-path': 'warning',
  'unreachable-route': 'warning',
  'unserved-model': 'warning',
  'no-backend': 'warning',
  unused: 'warning',
  'shadowed-flag': 'warning',
  'flag-adds-listener': 'warning',
  'contradicting-times': 'warning',
  'exposed-admin': 'warning',
  'exposed-sleep': 'warning',
  'no-api': 'warning',
  'grpc-port': 'warning',
} as const satisfies Record<string, Severity>;

export type DiagnosticCode = keyof typeof CODES;
