import type { DocumentView } from '../document.ts';
import { coversPattern } from '../pattern.ts';
import type { Path } from '../tree.ts';

interface Match {
  readonly route: Path;
  readonly name: string;
  /** Undefined: every model. */
  readonly models: readonly string[] | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

/** The first match wins: a route whose requests are all taken by an earlier one is only ever reached as a fallback. */
export function checkReachability(view: DocumentView): void {
  const fallbacks = new Set(
    view.items(['routes']).flatMap((route) => view.strings([...route, 'fallback']).map((f) => f.value)),
  );
  const earlier: Match[] = [];
  for (const route of view.items(['routes'])) {
    if (!isWhole(view, [...route, 'match'])) continue;
    const match = read(view, route);
    const covering = earlier.find((other) => covers(other, match));
    if (covering && !fallbacks.has(match.name)) {
      const place = [...route, 'match'];
      view.reportKey(
        'unreachable-route',
        place,
        `the route ${JSON.stringify(covering.name)} takes all of its requests`,
        {
          related: view.related([...covering.route, 'match'], `${covering.name} matches here`),
          hint: 'put the narrower route first',
        },
      );
    }
    earlier.push(match);
  }
}

/** What could not be understood of a match is no narrower or wider than anything. */
function isWhole(view: DocumentView, match: Path): boolean {
  const models = view.node([...match, 'models']);
  const headers = view.node([...match, 'headers']);
  return (
    view.entries(match).every(([key]) => key === 'models' || key === 'headers') &&
    view.node(match)?.kind === 'map' &&
    (models === undefined ||
      (models.kind === 'list' && models.items.length === view.strings([...match, 'models']).length)) &&
    (headers === undefined || headers.kind === 'map')
  );
}

function read(view: DocumentView, route: Path): Match {
  const models = view.strings([...route, 'match', 'models']).map(({ value }) => value);
  const headers = Object.entries(view.record([...route, 'match', 'headers']));
  return {
    route,
    name: view.string([...route, 'name']) ?? '',
    models: view.has([...route, 'match', 'models']) ? models : undefined,
    headers: Object.fromEntries(headers.map(([key, value]) => [key.toLowerCase(), value])),
  };
}

function covers(wide: Match, narrow: Match): boolean {
  const { models } = wide;
  if (models && !narrow.models) return models.includes('*') && sameHeaders(wide, narrow);
  const modelsCovered =
    !models || narrow.models!.every((model) => models.some((pattern) => coversPattern(pattern, model)));
  return modelsCovered && sameHeaders(wide, narrow);
}

function sameHeaders(wide: Match, narrow: Match): boolean {
  return Object.entries(wide.headers).every(([name, value]) => {
    const other = narrow.headers[name];
    return other !== undefined && coversPattern(value, other);
  });
}
