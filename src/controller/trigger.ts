/** The label of a PipelineRun that tells why it is there. */
export const triggerLabel = 'jobpulse.dev/trigger';

/** Why a run is there: a tick of its schedule, or what somebody asked for. */
export const triggers = ['Schedule', 'Manual', 'Backfill', 'Redrive', 'Replay'] as const;
export type Trigger = (typeof triggers)[number];
