import { stringify } from 'yaml';

/** A server that somebody named for a first file, and what it said of itself. */
export interface FoundServer {
  readonly url: string;
  /** Undefined when it did not answer. */
  readonly models: readonly string[] | undefined;
}

/** A `router.yaml` to start from. `keyVariable` names the environment variable with the servers' API key. */
export function firstFile(servers: readonly FoundServer[], keyVariable?: string): string {
  const backends = servers.flatMap(({ url, models }) => {
    const serves = models === undefined ? 'did not answer' : `serves ${models.map(oneLine).join(', ') || 'no model'}`;
    const key = keyVariable === undefined ? [] : [`        apiKey: { env: ${keyVariable} }`];
    return [`      - url: ${stringify(url).trim()} # ${serves}`, ...key];
  });
  return `# Every key: router.example.yaml, or \`vllm-router schema PATH\`. What this amounts to: \`vllm-router print\`.
version: 1

listeners:
  public:
    bind: 0.0.0.0:8001
  # ops: { bind: "127.0.0.1:9090", serve: [health, metrics, admin] }

discovery:
  servers:
    type: static
    backends: # each is asked for its models again and again
${backends.join('\n')}

defaults:
  algorithm: { type: least-load }

routes:
  - name: all
    match: {}
`;
}

/** A model's name comes from the server: it must not end the comment that it stands in. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, ' ');
}
