import { routerConfig } from './router-config.ts';

/**
 * The config of the reload benchmark after its `change`-th change, as JSON, which is YAML. 0 is the plain one; every third is
 * invalid; the others take an engine out or put it back, add and remove a route and an alias, and change policies.
 */
export function changedConfig(change: number, engines: readonly string[], port: number): string {
  const out = change % 2 === 0 ? -1 : change % engines.length;
  const listed = engines.filter((_, index) => index !== out);
  const extra = { name: 'extra', match: { models: ['other/*'], headers: { 'x-change': `${change}` } } };
  const config = routerConfig(listed, port, {
    models: { aliases: { [`alias-${change}`]: 'bench-model' } },
    defaults: { algorithm: { type: 'round-robin' }, retry: { attempts: 1 + (change % 3) } },
    routes: [...(change % 4 === 0 ? [] : [extra]), { name: 'all', match: {} }],
  });
  return JSON.stringify(change % 3 === 2 ? { ...config, routes: [{ name: 'broken', matches: {} }] } : config, null, 2);
}
