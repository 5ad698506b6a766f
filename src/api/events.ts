/**
 * Every event, with what it tells. Events are for people and may be lost; what programs need is in status and report.
 * The one list: the reference page is made from it.
 */
export const events = {
  RunStarted: { type: 'Normal', meaning: 'A run has begun; says which tick or which person started it.' },
  RunSucceeded: { type: 'Normal', meaning: 'A run has ended well; shows its figures.' },
  RunFailed: { type: 'Warning', meaning: 'A run has failed; names the first failed step and its reason.' },
  RunCancelled: { type: 'Normal', meaning: 'A run was cancelled; says what is left.' },
  RunMissed: { type: 'Warning', meaning: 'Ticks of the schedule passed without a run; says how many are made up for.' },
  SpecAccepted: { type: 'Normal', meaning: 'A changed manifest is valid and is used from now on.' },
  SpecRefused: { type: 'Warning', meaning: 'A changed manifest is not valid; the one before goes on working.' },
  CheckWarned: { type: 'Warning', meaning: 'A check with severity Warn found rows.' },
  CheckFailed: { type: 'Warning', meaning: 'A check with severity Fail found rows; nothing was published.' },
  SchemaDrift: { type: 'Warning', meaning: 'The source has other columns than the manifest declares.' },
  SnapshotShrank: { type: 'Warning', meaning: 'Far fewer rows came than are loaded; nothing was marked or deleted.' },
  BudgetSpent: { type: 'Warning', meaning: 'The credits of the period are spent; the rest waits for the next.' },
  NameConflict: {
    type: 'Warning',
    meaning: 'An object that the pipeline needs is there already and belongs to something else; it is left alone.',
  },
  WorkersFailing: { type: 'Warning', meaning: 'Workers that should be there are not; says why.' },
  LakeAway: { type: 'Warning', meaning: 'The server of the lake does not answer; steps wait for it, and then go on.' },
  WarehouseAway: {
    type: 'Warning',
    meaning: 'The server of the warehouse does not answer, or takes nobody; steps wait for it, and then go on.',
  },
  LeaderElected: { type: 'Normal', meaning: 'Another controller leads from now on; says which.' },
  Scaled: { type: 'Normal', meaning: 'A pool has another size; says from, to and why.' },
} as const satisfies Readonly<Record<string, { readonly type: 'Normal' | 'Warning'; readonly meaning: string }>>;

/** A word from the documented list of events. */
export type EventReason = keyof typeof events;
