import type { Random } from './random.ts';

/** What a posting is about; a keyword search looks for these words. */
export interface Topic {
  readonly name: string;
  readonly titles: readonly string[];
  readonly series: readonly { readonly name: string; readonly code: string }[];
  readonly tools: readonly string[];
}

/** What the example asks for. */
export const dataEngineering: Topic = {
  name: 'data engineering',
  titles: [
    'Data Engineer',
    'Senior Data Engineer',
    'IT Specialist (DATAMGT)',
    'INFORMATION TECHNOLOGY SPECIALIST (SYSANALYSIS/DATAMGT)',
    'Supervisory Data Engineer',
    'Interdisciplinary Engineer',
    'Statistician (Data Science)',
    'Lead Data Architect and Engineer',
    'Data Platform Engineer (Direct Hire)',
  ],
  series: [
    { name: 'Information Technology Management', code: '2210' },
    { name: 'Data Science Series', code: '1560' },
    { name: 'General Engineering', code: '0801' },
  ],
  tools: ['SQL', 'Python', 'columnar files', 'message brokers', 'workflow schedulers', 'Kubernetes', 'object stores'],
};

/** What nobody who asks for data engineering wants. */
export const gardening: Topic = {
  name: 'grounds keeping',
  titles: ['Gardener', 'Grounds Maintenance Leader', 'ARBORIST', 'Horticulturist'],
  series: [
    { name: 'Gardening', code: '5003' },
    { name: 'Horticulture', code: '0437' },
  ],
  tools: ['pruning saws', 'irrigation plans', 'mowers', 'soil probes'],
};

/** Made-up employers; an empty department is one of the API's habits. */
export const employers: readonly { readonly organization: string; readonly department: string }[] = [
  { organization: 'Bureau of Lake Levels', department: 'Department Of Inland Waters' },
  { organization: 'Office of Harbor Statistics', department: 'Department of Coasts and Harbors' },
  { organization: 'National Almanac Service', department: '' },
  { organization: 'Prairie Survey, Central Region', department: 'Department Of Open Country' },
  { organization: 'Public Ledger Administration', department: 'Department of Public Records' },
  { organization: 'Civil Clock Authority', department: 'Other Agencies and Independent Organizations' },
  { organization: 'Bridge & Tunnel Registry', department: 'Department of Public Records' },
  { organization: 'Weights and Seeds Laboratory', department: 'Department Of Open Country' },
];

/** How postings word the experience they ask for: words, digits, both, a range, or not at all. */
export const experience: readonly string[] = [
  'at least one year of specialized experience in {topic} at the next lower grade level',
  'a minimum of 2 years of experience in {topic}',
  'three (3) years of progressively responsible experience in {topic}',
  'at least 5 years of experience with {tool} and {topic}',
  '4+ years of experience in {topic}',
  'six (6) years of experience in {topic}, one of them as a lead',
  'eight years of experience in {topic} in a large organization',
  '10 or more years of experience in {topic}',
  'a degree in a field related to {topic}; no experience is required',
];

const sentences: readonly string[] = [
  'You will plan, build and operate {topic} services that {count} colleagues rely on.',
  'The work calls for daily use of {tool} and {tool}.',
  'Applicants must describe in their r&eacute;sum&eacute; how they applied {tool} to a problem of similar size.',
  'This office keeps {count} registers of public interest &amp; publishes each of them every month.',
  'Part-time experience is prorated when creditable experience is computed.',
  'Experience gained as a volunteer counts in the same way as paid experience.',
  'The incumbent reports to the chief of the section and advises {count} project teams.',
  'You must meet all requirements by the closing date of this announcement.',
  'Travel of up to {count} nights per year may be required.',
  'The section&rsquo;s goal is to answer every question from the public within {count} days.',
  'Education may be substituted for experience only where the standard of the series allows it.',
  'Duties include reviewing {tool} configurations, writing procedures and training new staff.',
  'A one-year probationary period may be required; see "Other information" for details.',
  'Because the team is small, each member takes a turn in the on-call rota once in {count} weeks.',
];

/** About `length` characters of made-up prose. */
export function prose(from: Random, topic: Topic, length: number): string {
  const parts: string[] = [];
  for (let written = 0; written < length; ) {
    const sentence = fill(from, topic, from.pick(sentences));
    parts.push(sentence);
    written += sentence.length + 1;
  }
  return parts.join(' ');
}

/** A template with its blanks filled. */
export function fill(from: Random, topic: Topic, template: string): string {
  return template.replaceAll(/\{(topic|tool|count)\}/g, (_, blank: string) => {
    if (blank === 'topic') return topic.name;
    return blank === 'tool' ? from.pick(topic.tools) : String(from.integer(3, 90));
  });
}
