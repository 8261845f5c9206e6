/** The closest of the known words, or undefined when none is near enough to be what was meant. */
export function closest(word: string, known: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  const list = [...known];
  const start = list.find((candidate) => isStart(candidate.toLowerCase(), lower));
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / 3)) + 1;
  for (const candidate of list) {
    const distance = editDistance(lower, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best ?? start;
}

/** `warn` for `warning`, `timeouts` for `time`. */
function isStart(a: string, b: string): boolean {
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.length >= 3 && long.startsWith(short);
}

export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  const match = closest(word, known);
  return match === undefined ? undefined : `did you mean ${JSON.stringify(match)}?`;
}

/** Whether one is the other with a slip of the fingers or in another spelling: `max_body_size`. Closer than a suggestion has to be. */
export function isNear(word: string, known: string): boolean {
  return editDistance(word.toLowerCase(), known.toLowerCase(), 3) <= (known.length >= 6 ? 2 : 1);
}

/** Optimal string alignment: insert, delete, replace, swap neighbours. Gives up (returns `limit`) early. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, before[j - 2]! + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
