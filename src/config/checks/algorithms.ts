import type { DocumentView } from '../document.ts';

export function checkAlgorithms(view: DocumentView): void {
  for (const route of view.items(['routes'])) {
    const [first] = view.items([...route, 'shadow']);
    if (first === undefined || view.string([...route, 'algorithm', 'type']) !== 'disaggregated-prefill') continue;
    view.report(
      'setting-without-effect',
      first,
      'the route has two roles with an algorithm each, and nothing one other algorithm could be compared with',
      { hint: 'take shadow away, or compare on a route of one role' },
    );
  }
}
