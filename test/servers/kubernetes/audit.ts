import { open } from 'node:fs/promises';

/** Logs who asked for what, without bodies. The stage before the answer adds nothing. */
export const auditPolicy = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata' }],
};

/** A request for a resource, as the API server saw it. */
export interface AuditEntry {
  readonly verb: string;
  readonly user: string;
  /** The API group; empty for core. */
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** The status of the answer. */
  readonly code: number;
  /** When it was received. */
  readonly at: Date;
}

interface AuditLine {
  readonly auditID: string;
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
  readonly requestReceivedTimestamp: string;
}

/**
 * The requests in a part of an audit log, each once: a watch is told when it starts and when it ends.
 * `seen` is whether the log has come to the request with this word in its address.
 */
export function readAudit(log: string, word: string): { seen: boolean; entries: readonly AuditEntry[] } {
  const entries = new Map<string, AuditEntry>();
  let seen = false;
  for (const text of log.split('\n')) {
    if (text === '') continue;
    const line = JSON.parse(text) as AuditLine;
    seen ||= line.requestURI.includes(word);
    if (line.objectRef?.resource === undefined || entries.has(line.auditID)) continue;
    const { apiGroup = '', resource, subresource = '', namespace = '', name = '' } = line.objectRef;
    entries.set(line.auditID, {
      verb: line.verb,
      user: line.user.username,
      group: apiGroup,
      resource,
      subresource,
      namespace,
      name,
      code: line.responseStatus?.code ?? 0,
      at: new Date(line.requestReceivedTimestamp),
    });
  }
  return { seen, entries: [...entries.values()] };
}

/** The whole lines of a growing file from an offset on. */
export async function readLines(path: string, offset: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const buffer = Buffer.alloc(Math.max(0, size - offset));
    await file.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, buffer.lastIndexOf(0x0a) + 1).toString('utf8');
  } finally {
    await file.close();
  }
}
