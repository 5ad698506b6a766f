import type { Random } from './random.ts';
import { employers, experience, fill, prose, type Topic } from './words.ts';

/** The long part of an announcement; only newer answers have more than the four named members. */
export interface Details {
  readonly JobSummary: string;
  readonly WhoMayApply: { readonly Name: string; readonly Code: string };
  readonly LowGrade: string;
  readonly HighGrade: string;
  readonly [field: string]: unknown;
}

/** Who offers the work, and as what. */
export function makeEmployer(from: Random, topic: Topic) {
  const { organization, department } = from.pick(employers);
  const fullTime = from.chance(0.8);
  return {
    OrganizationName: organization,
    DepartmentName: department,
    JobCategory: [from.pick(topic.series)].map(({ name, code }) => ({ Name: name, Code: code })),
    JobGrade: [{ Code: from.pick(['GS', 'GG', 'NH', 'AD']) }],
    PositionSchedule: [{ Name: fullTime ? 'Full Time' : 'Work Schedule is full-time.', Code: '1' }],
    PositionOfferingType: [{ Name: from.pick(['Permanent', 'CAREER/CAREER CONDITIONAL', 'Term']), Code: '15317' }],
  };
}

/** The long texts; newer answers have more of them. Together with the rest about 8 KB. */
export function makeTexts(from: Random, topic: Topic, modern: boolean) {
  const asked = fill(from, topic, from.pick(experience));
  const details: Details = {
    JobSummary: prose(from, topic, 1200),
    WhoMayApply: { Name: from.pick(['United States Citizens', 'Open to all', '']), Code: '15514' },
    LowGrade: from.pick(['00', '09', '11', '12']),
    HighGrade: from.pick(['00', '12', '13', '14']),
  };
  return {
    QualificationSummary: `Applicants must have ${asked}. ${prose(from, topic, modern ? 1800 : 4300)}`,
    PositionFormattedDescription: [
      {
        Label: 'Dynamic Teaser',
        LabelDescription: 'Hit highlighting for keyword searches.',
        Content: `\r\n  ...${highlight(prose(from, topic, 250), topic)}...\r\n`,
      },
    ],
    UserArea: {
      Details: modern ? { ...details, ...longDetails(from, topic) } : details,
      IsRadialSearch: false,
    },
  };
}

const longDetails = (from: Random, topic: Topic) => ({
  MajorDuties: [prose(from, topic, 600), prose(from, topic, 400)],
  Education: prose(from, topic, 300),
  Requirements: prose(from, topic, 400),
  Evaluations: prose(from, topic, 400),
  HowToApply: prose(from, topic, 500),
  KeyRequirements: ['You must be a U.S. Citizen.', 'Registered with the Selective Service &ndash; if applicable.'],
});

/** The API marks each hit of the search in its teaser. */
const highlight = (text: string, topic: Topic): string =>
  text.replaceAll(topic.name, topic.name.replaceAll(/\w+/g, '<c0>$&</c0>'));
