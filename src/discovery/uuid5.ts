import { createHash } from 'node:crypto';

/** RFC 4122's namespace for names of the DNS; what the original derives `engine_id` with. */
const NAMESPACE_DNS = Buffer.from('6ba7b8109dad11d180b400c04fd430c8', 'hex');

/** `engine_id` of a backend: uuid5(NAMESPACE_DNS, name), equal in every replica and after every restart. */
export function uuid5(name: string): string {
  const hash = createHash('sha1').update(NAMESPACE_DNS).update(name, 'utf8').digest().subarray(0, 16);
  hash[6] = (hash[6]! & 0x0f) | 0x50;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  const hex = hash.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
