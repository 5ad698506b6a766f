/** The label of a PipelineRun that tells why it is there. */
export const triggerLabel = 'jobpulse.dev/trigger';

/** Why a run is there: a tick of its schedule, other pipelines that it runs after, or what somebody asked for. */
export const triggers = ['Schedule', 'After', 'Manual', 'Backfill', 'Redrive', 'Replay'] as const;
export type Trigger = (typeof triggers)[number];
