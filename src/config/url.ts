/** Scheme, authority and optional path prefix without trailing slash; undefined when the text is no http(s) URL. */
export function normaliseUrl(text: string): string | undefined {
  const url = parseUrl(text);
  return url && `${url.protocol}//${url.host}${url.pathname.replace(/\/+$/, '')}`;
}

export function parseUrl(text: string): URL | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}
