/**
 * The config of the reload benchmark after its `change`-th change, as JSON, which is YAML. 0 is the plain one; every third is
 * invalid; the others take an engine out or put it back, add and remove a route and an alias, and change policies.
 */
export function changedConfig(change: number, engines: readonly string[], port: number): string {
  const out = change % 2 === 0 ? -1 : change % engines.length;
  const backends = engines
    .filter((_, index) => index !== out)
    .map((authority) => ({ url: `http://${authority}`, models: ['bench-model'] }));
  const extra = { name: 'extra', match: { models: ['other/*'], headers: { 'x-change': `${change}` } } };
  const config = {
    version: 1,
    listeners: { public: { bind: `127.0.0.1:${port}`, serve: ['openai', 'health', 'metrics'] } },
    discovery: { engines: { type: 'static', backends } },
    models: { aliases: { [`alias-${change}`]: 'bench-model' } },
    defaults: { algorithm: { type: 'round-robin' }, retry: { attempts: 1 + (change % 3) } },
    routes: [...(change % 4 === 0 ? [] : [extra]), { name: 'all', match: {} }],
    logging: { level: 'info', format: 'json', access: true },
    shutdown: { delay: '0s', drain: '1s' },
  };
  return JSON.stringify(change % 3 === 2 ? { ...config, routes: [{ name: 'broken', matches: {} }] } : config, null, 2);
}
