import { afterOthers } from './after.ts';
import { knownColumns } from './columns.ts';
import { columnParts } from './columnTypes.ts';
import { paidItems, soundForEach } from './items.ts';
import { distinctHeaders, distinctNames } from './names.ts';
import { validDefaults } from './params.ts';
import type { Policy } from './policy.ts';
import { keyedPseudonyms } from './privacy.ts';
import { endingForEach, knownDatasets, knownRelations } from './references.ts';
import { validSchedule, validTimeZone } from './schedule.ts';
import { countedPages, crawledHosts, openHosts, pathsIntoJson, secretHeaders } from './sources.ts';
import { knownTemplates } from './templates.ts';
import { validPaths, validPatterns } from './texts.ts';
import { soundWindows } from './windows.ts';

/** What makes a pipeline mean something, whatever the version that reads it. */
export const meaning: readonly Policy[] = [
  distinctNames,
  distinctHeaders,
  columnParts,
  knownColumns,
  keyedPseudonyms,
  knownDatasets,
  endingForEach,
  soundForEach,
  paidItems,
  knownRelations,
  knownTemplates,
  validPaths,
  validPatterns,
  validSchedule,
  afterOthers,
  validTimeZone,
  validDefaults,
  secretHeaders,
  openHosts,
  crawledHosts,
  countedPages,
  pathsIntoJson,
  soundWindows,
];
