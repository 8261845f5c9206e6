/** Names that lead back to themselves, each loop once, as the list of names in it. */
export function aliasLoops(aliases: Readonly<Record<string, unknown>>): string[][] {
  const loops: string[][] = [];
  const done = new Set<string>();
  for (const start of Object.keys(aliases)) {
    const chain: string[] = [];
    let name: unknown = start;
    while (typeof name === 'string' && Object.hasOwn(aliases, name) && !done.has(name) && !chain.includes(name)) {
      chain.push(name);
      name = aliases[name];
    }
    if (typeof name === 'string' && chain.includes(name)) loops.push(chain.slice(chain.indexOf(name)));
    for (const seen of chain) done.add(seen);
  }
  return loops;
}

/** Every alias → the model at the end of its chain. The result has no prototype: its keys are looked up by client input. */
export function resolveAliases(aliases: Readonly<Record<string, string>>): Record<string, string> {
  const resolved: Record<string, string> = Object.create(null);
  for (const alias of Object.keys(aliases)) {
    let model = aliases[alias]!;
    // Bounded by the number of aliases: the references have been checked for loops.
    while (Object.hasOwn(aliases, model)) model = aliases[model]!;
    resolved[alias] = model;
  }
  return resolved;
}
