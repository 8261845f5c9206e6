/** Calls `visit` with where each line of a metrics page begins and ends, without cutting the text: a page has 54 KB, and often more. */
export function forEachLine(page: string, visit: (start: number, end: number) => void): void {
  for (let start = 0; start < page.length; ) {
    const newline = page.indexOf('\n', start);
    const end = newline === -1 ? page.length : newline;
    visit(start, end);
    start = end + 1;
  }
}
