import { createHash } from 'node:crypto';

/** Any value that survives JSON unchanged. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json | undefined };

/** JSON with object members sorted by name and `undefined` members left out, so that equal values give equal bytes. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .filter((entry): entry is [string, Json] => entry[1] !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** sha256 in hex of bytes or text. */
export const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** `sha256:<hex>` over the canonical JSON of a value. */
export const digestOf = (value: Json): string => `sha256:${sha256(canonical(value))}`;

/** What makes one piece of work the same piece of work, whoever does it and whenever. */
export interface Identity {
  /** `<namespace>/<name>`, never a uid: a pipeline that is deleted and created again keeps its work. */
  readonly pipeline: string;
  readonly dataset: string;
  readonly stage: string;
  /** Digest of the semantic part of the stage's spec: what changes the result, not how it is fetched. */
  readonly spec: string;
  readonly slice: Json;
  readonly part: string;
  /** Digests of the manifests this step reads. */
  readonly inputs: readonly string[];
}

/** The name of the work in the lake and in the warehouse: the first 20 hex digits of a sha256. */
export const stepKey = (identity: Identity): string => sha256(canonical({ v: 1, ...identity })).slice(0, 20);
