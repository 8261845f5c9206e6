/** Everything on that a deployment has; `more` replaces and adds sections. To be written as JSON, which is YAML. */
export function routerConfig(engines: readonly string[], port: number, more: object = {}, model = 'bench-model') {
  return {
    version: 1,
    listeners: { public: { bind: `127.0.0.1:${port}`, serve: ['openai', 'health', 'metrics'] } },
    discovery: {
      engines: {
        type: 'static',
        backends: engines.map((authority) => ({ url: `http://${authority}`, models: [model] })),
      },
    },
    defaults: { algorithm: { type: 'round-robin' } },
    logging: { level: 'info', format: 'json', access: true },
    shutdown: { delay: '0s', drain: '1s' },
    ...more,
  };
}
