import { aliasLoops } from '../aliases.ts';
import { hasErrors } from '../diagnostic.ts';
import type { DocumentView } from '../document.ts';
import { didYouMean } from '../suggest.ts';
import type { Path } from '../tree.ts';

const ROUTES: Path = ['routes'];

export function checkNames(view: DocumentView): void {
  const auth = names(view, ['auth']);
  const sources = names(view, ['discovery']);
  for (const [, path] of view.entries(['listeners'])) refer(view, [...path, 'auth'], 'auth', auth);
  const routes = routeNames(view);
  // A name that could not be read may be the one that is meant.
  const allNamed = view.items(ROUTES).every((route) => view.string([...route, 'name']) !== undefined);
  const known = allNamed ? [...routes.keys()] : undefined;
  for (const route of view.items(ROUTES)) {
    for (const { path } of view.strings([...route, 'backends', 'from'])) refer(view, path, 'source', sources);
    for (const { path } of view.strings([...route, 'fallback'])) refer(view, path, 'route', known);
    const name = view.string([...route, 'name']);
    const first = name === undefined ? undefined : routes.get(name);
    if (first && first[1] !== route[1]) {
      const at = [...route, 'name'];
      view.report(
        'duplicate-route',
        at,
        `route ${JSON.stringify(name)} stands already in ${view.where([...first, 'name'], at)}`,
        {
          related: view.related([...first, 'name'], 'first here'),
        },
      );
    }
  }
}

export function checkLoops(view: DocumentView): void {
  const aliases = view.record(['models', 'aliases']);
  for (const loop of aliasLoops(aliases)) {
    const path = ['models', 'aliases', loop[0]!];
    const related = loop.slice(1).flatMap((name) => view.related(['models', 'aliases', name], 'and here'));
    view.reportKey('alias-loop', path, `the alias leads back to itself: ${[...loop, loop[0]].join(' → ')}`, {
      related,
    });
  }
  const routes = routeNames(view);
  const fallbacks = new Map(
    [...routes].map(([name, path]) => [name, view.strings([...path, 'fallback']).map(({ value }) => value)]),
  );
  const reported = new Set<string>();
  for (const start of routes.keys()) {
    const loop = findLoop(start, fallbacks);
    if (!loop || loop.some((name) => reported.has(name))) continue;
    for (const name of loop) reported.add(name);
    const path = [...routes.get(start)!, 'fallback'];
    const related = loop.slice(1).flatMap((name) => view.related([...routes.get(name)!, 'fallback'], 'and here'));
    view.reportKey('fallback-loop', path, `the fallback leads back to itself: ${[...loop, start].join(' → ')}`, {
      related,
    });
  }
}

export function checkUnused(view: DocumentView): void {
  if (view.invalid || hasErrors(view.diagnostics)) return;
  const from = view.items(ROUTES).flatMap((route) => view.strings([...route, 'backends', 'from']));
  unused(
    view,
    ['discovery'],
    'source',
    'route',
    from.map(({ value }) => value),
  );
  const auth = view.entries(['listeners']).map(([, path]) => view.string([...path, 'auth']));
  unused(view, ['auth'], 'auth', 'listener', auth);
}

function unused(view: DocumentView, path: Path, what: string, by: string, used: readonly (string | undefined)[]): void {
  for (const [name, at] of view.entries(path)) {
    if (!used.includes(name)) view.reportKey('unused', at, `no ${by} uses the ${what} ${JSON.stringify(name)}`);
  }
}

/** Undefined where the map itself is invalid: nothing can be said about its names. */
function names(view: DocumentView, path: Path): string[] | undefined {
  return view.node(path)?.kind === 'map' ? view.entries(path).map(([name]) => name) : undefined;
}

function refer(view: DocumentView, path: Path, what: string, known: readonly string[] | undefined): void {
  const name = view.string(path);
  if (name === undefined || !known || known.includes(name)) return;
  const hint = didYouMean(name, known) ?? (known.length > 0 ? `there is ${known.join(', ')}` : undefined);
  view.report('unknown-reference', path, `there is no ${what} ${JSON.stringify(name)}`, { hint });
}

function routeNames(view: DocumentView): Map<string, Path> {
  const found = new Map<string, Path>();
  for (const route of view.items(ROUTES)) {
    const name = view.string([...route, 'name']);
    if (name !== undefined && !found.has(name)) found.set(name, route);
  }
  return found;
}

/** The way from `start` back to itself, without the return; undefined when there is none. */
function findLoop(start: string, edges: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const visited = new Set<string>();
  const walk = (name: string, way: string[]): string[] | undefined => {
    for (const next of edges.get(name) ?? []) {
      if (next === start) return way;
      if (visited.has(next)) continue;
      visited.add(next);
      const loop = walk(next, [...way, next]);
      if (loop) return loop;
    }
    return undefined;
  };
  return walk(start, [start]);
}
