import { z } from 'zod';
import { dnsLabel } from './words.ts';

/** Group and version of both kinds. */
export const apiVersion = 'jobpulse.dev/v1alpha1';

/** A kind: what is wanted, and what is. `maxName` leaves room for the names of children. */
export function resource<Kind extends string, Spec extends z.ZodType, Status extends z.ZodType>(
  kind: Kind,
  maxName: number,
  spec: Spec,
  status: Status,
) {
  return z.strictObject({
    apiVersion: z.literal(apiVersion).describe('Group and version of the kind.'),
    kind: z.literal(kind).describe('The kind.'),
    metadata: z
      .looseObject({
        name: dnsLabel(maxName).describe('Name of the resource.'),
        namespace: dnsLabel().exactOptional(),
        generation: z.int().exactOptional(),
        annotations: z.record(z.string(), z.string()).exactOptional(),
        labels: z.record(z.string(), z.string()).exactOptional(),
      })
      .describe('Name and labels, as of any Kubernetes object.'),
    spec: spec.describe('What is wanted.'),
    status: status.describe('What is; written by the controller.').exactOptional(),
  });
}
